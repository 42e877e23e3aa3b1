import { PlexusError } from '@plexus/protocol';
import { APPEND_HEADER_BYTES } from '../append-codec.ts';
import { LIMITS } from '../event.ts';
import type { Query } from '../query.ts';
import { RECORD_FIXED_BYTES } from '../record.ts';
import type { Head } from './heads.ts';

const MOST = LIMITS.maxAppendEvents;
/** Where a record has the length of the name of its stream. */
const STREAM_LENGTH_OFFSET = 18;

/**
 * The one append that the writer looks at, as `writeAppend` has made it: where its records are, and what was found out
 * about them. Used again for the next one, so that an append costs no objects.
 */
export class AppendScan {
  buffer: Buffer = Buffer.alloc(0);
  condition: { readonly query: Query; readonly after: number } | null = null;
  /** Number of writes. */
  writes = 0;
  /** By write: code of the expected version, and the index of the event after its last. */
  readonly expected = new Float64Array(MOST);
  readonly ends = new Int32Array(MOST);
  readonly streams: string[] = [];
  /** By write; null: the stream does not exist yet. */
  readonly heads: (Head | null)[] = [];
  /** Number of events. */
  events = 0;
  /** By event: its record in `buffer`. */
  readonly from = new Int32Array(MOST);
  readonly to = new Int32Array(MOST);

  /** @throws {PlexusError} bad_request if it is larger than any that `writeAppend` makes */
  read(buffer: Buffer, start: number): void {
    this.buffer = buffer;
    const writes = buffer.readUInt32LE(start + 4);
    let at = this.#readCondition(start);
    let events = 0;
    if (writes > MOST) throw tooMany();
    for (let w = 0; w < writes; w++) {
      const count = buffer.readUInt32LE(at + 8);
      if (count === 0 || events + count > MOST) throw tooMany();
      this.expected[w] = buffer.readDoubleLE(at);
      at += 12;
      this.streams[w] = streamOf(buffer, at + 4);
      for (let i = 0; i < count; i++) {
        const from = at + 4;
        at = from + buffer.readUInt32LE(at);
        this.from[events] = from;
        this.to[events++] = at;
      }
      this.ends[w] = events;
    }
    this.writes = writes;
    this.events = events;
  }

  record(event: number): Buffer {
    return this.buffer.subarray(this.from[event]!, this.to[event]!);
  }

  /** @returns where the writes begin */
  #readCondition(start: number): number {
    const at = start + APPEND_HEADER_BYTES;
    const bytes = this.buffer.readUInt32LE(start + 8);
    this.condition =
      bytes === 0
        ? null
        : {
            query: JSON.parse(this.buffer.toString('utf8', at, at + bytes)) as Query,
            after: this.buffer.readDoubleLE(start + 12),
          };
    return at + bytes;
  }
}

function streamOf(buffer: Buffer, record: number): string {
  const at = record + RECORD_FIXED_BYTES;
  return buffer.toString('utf8', at, at + buffer[record + STREAM_LENGTH_OFFSET]!);
}

const tooMany = (): PlexusError =>
  new PlexusError('bad_request', { reason: `an append may have ${MOST} events, and a write has at least one` });
