import { PlexusError } from '@plexus/protocol';
import { APPEND_HEADER_BYTES, type ConditionView, readCondition } from '../append-codec.ts';
import { LIMITS } from '../event.ts';
import { Has, RECORD_FIXED_BYTES } from '../record.ts';
import { RecordedEvent } from '../recorded-event.ts';
import { causeId } from './cause-id.ts';
import type { Head } from './heads.ts';
import { KnownNames } from './known-names.ts';

const MOST = LIMITS.maxAppendEvents;
/** Where a record has the length of the name of its stream. */
const STREAM_LENGTH_OFFSET = 18;
const TYPE_LENGTH_OFFSET = 19;

/** Members of a record that not every event has, and that are asked for by name. */
export interface Extras {
  readonly tags: readonly string[];
  readonly correlation: string | null;
  /** As in `causeId`. */
  readonly causation: string | null;
}
const EXTRAS = Has.CorrelationId | Has.CausationId | Has.Tags;

/**
 * The one append that the writer looks at, as `writeAppend` has made it: where its records are, and what was found out
 * about them. Used again for the next one, so that an append costs no objects.
 */
export class AppendScan {
  buffer: Buffer = Buffer.alloc(0);
  condition: ConditionView | null = null;
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
  readonly types: string[] = [];
  /** null: it has neither tags nor a correlation or a cause. */
  readonly extras: (Extras | null)[] = [];
  readonly #names = new KnownNames();

  /** @throws {PlexusError} bad_request if it is larger than any that `writeAppend` makes */
  read(buffer: Buffer, start: number): void {
    this.buffer = buffer;
    const writes = buffer.readUInt32LE(start + 4);
    this.condition = readCondition(buffer, start);
    let at = start + APPEND_HEADER_BYTES + buffer.readUInt32LE(start + 8);
    let events = 0;
    if (writes > MOST) throw tooMany();
    for (let w = 0; w < writes; w++) {
      const count = buffer.readUInt32LE(at + 8);
      if (count === 0 || events + count > MOST) throw tooMany();
      this.expected[w] = buffer.readDoubleLE(at);
      at += 12;
      const stream = at + 4 + RECORD_FIXED_BYTES;
      this.streams[w] = this.#names.textAt(buffer, stream, buffer[at + 4 + STREAM_LENGTH_OFFSET]!);
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

  /** Takes what is asked of the tables by name from each record. */
  readNames(): void {
    const { buffer } = this;
    for (let event = 0; event < this.events; event++) {
      const from = this.from[event]!;
      const typeAt = from + RECORD_FIXED_BYTES + buffer[from + STREAM_LENGTH_OFFSET]!;
      this.types[event] = this.#names.textAt(buffer, typeAt, buffer[from + TYPE_LENGTH_OFFSET]!);
      const hasExtras = (buffer[from + 1]! & EXTRAS) !== 0;
      this.extras[event] = hasExtras ? extrasOf(new RecordedEvent(buffer, from, this.to[event]!, 0, 0, 0)) : null;
    }
  }

  record(event: number): Buffer {
    return this.buffer.subarray(this.from[event]!, this.to[event]!);
  }
}

function extrasOf({ tags, correlationId, causationId }: RecordedEvent): Extras {
  return { tags, correlation: correlationId, causation: causationId === null ? null : causeId(causationId) };
}

const tooMany = (): PlexusError =>
  new PlexusError('bad_request', { reason: `an append may have ${MOST} events, and a write has at least one` });
