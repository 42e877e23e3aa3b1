import { PlexusError } from '@plexus/protocol';
import type { ByteSink } from '../lib/byte-sink.ts';
import type { UuidV7 } from '../lib/uuid.ts';
import type { AppendRequest, ExpectedVersion } from './append.ts';
import { LIMITS } from './event.ts';
import { checkName } from './names.ts';
import { checkQuery, type Query } from './query.ts';
import { writeRecord } from './record.ts';

/**
 * An append on its way to the writer. Little-endian:
 *
 *     4 bytes length of the whole, 4 bytes number of writes, 4 bytes length of the condition's query (0: no condition)
 *     8 bytes `after` of the condition, as a double; the query as JSON text
 *     per write: 8 bytes expected version, as a double; 4 bytes number of events;
 *     per event: 4 bytes length of the record, the record
 */
export const APPEND_HEADER_BYTES = 20;
const AFTER_AT = 12;

/** Expected versions that are no number. */
export const Expected = { None: -1, Any: -2, Exists: -3 } as const;

/**
 * Checks `request` and writes it to `sink`. Events without an id get one, so that what was written can be sent again.
 * @returns how many bytes it took
 * @throws {PlexusError} bad_request, payload_too_large; the sink is then as it was
 */
export function writeAppend(sink: ByteSink, request: AppendRequest, ids: UuidV7): number {
  const start = sink.length;
  try {
    writeParts(sink, request, ids);
  } catch (error) {
    sink.truncate(start);
    throw error;
  }
  const bytes = sink.length - start;
  sink.buffer.writeUInt32LE(bytes, start);
  return bytes;
}

function writeParts(sink: ByteSink, { writes, condition }: AppendRequest, ids: UuidV7): void {
  if (writes.length === 0) throw refuse('an append has at least one write');
  // Before anything is done for each of them.
  if (writes.length > LIMITS.maxAppendEvents) throw refuse(`an append may have ${LIMITS.maxAppendEvents} events`);
  const streams = new Set<string>();
  const at = sink.reserve(APPEND_HEADER_BYTES);
  sink.buffer.writeUInt32LE(writes.length, at + 4);
  let queryBytes = 0;
  if (condition !== undefined) {
    checkQuery(condition.failIfEventsMatch);
    if (!Number.isSafeInteger(condition.after) || condition.after < -1) throw refuse('after must be a position, or -1');
    queryBytes = sink.utf8(JSON.stringify(condition.failIfEventsMatch));
  }
  sink.buffer.writeUInt32LE(queryBytes, at + 8);
  sink.buffer.writeDoubleLE(condition?.after ?? -1, at + AFTER_AT);
  let events = 0;
  let bytes = 0;
  for (const write of writes) {
    if (streams.has(write.stream)) throw refuse(`stream ${write.stream} is written twice`);
    streams.add(write.stream);
    if (write.events.length === 0) throw refuse('a write has at least one event');
    events += write.events.length;
    if (events > LIMITS.maxAppendEvents) throw refuse(`an append may have ${LIMITS.maxAppendEvents} events`);
    checkName('stream', write.stream);
    sink.f64(expectedCode(write.expectedVersion ?? 'any'));
    sink.u32(write.events.length);
    for (const event of write.events) {
      const lengthAt = sink.reserve(4);
      writeRecord(sink, write.stream, event, ids);
      const length = sink.length - lengthAt - 4;
      sink.buffer.writeUInt32LE(length, lengthAt);
      bytes += length;
      if (bytes > LIMITS.maxAppendBytes)
        throw new PlexusError('payload_too_large', { maxBytes: LIMITS.maxAppendBytes });
    }
  }
}

/** @throws {PlexusError} bad_request: no expectation */
export function expectedCode(expected: ExpectedVersion): number {
  if (expected === 'any') return Expected.Any;
  if (expected === 'none') return Expected.None;
  if (expected === 'exists') return Expected.Exists;
  // -1 is how listings say that a stream is empty.
  if (Number.isSafeInteger(expected) && expected >= -1) return expected;
  throw refuse('expectedVersion must be a version, "none", "exists" or "any"');
}

/** As it stands in errors and requests. */
export function expectedText(code: number): ExpectedVersion {
  if (code === Expected.Any) return 'any';
  if (code === Expected.Exists) return 'exists';
  return code === Expected.None ? 'none' : code;
}

/** One write of an append: where its records are. */
export interface WriteView {
  readonly expected: number;
  /** Start and end of each record in the buffer, in turn. */
  readonly records: readonly number[];
}

/** The condition of an append. */
export interface ConditionView {
  readonly query: Query;
  readonly after: number;
}

/** An append as the writer sees it. */
export interface AppendView {
  readonly writes: readonly WriteView[];
  readonly condition: ConditionView | null;
  /** Where the next append in the buffer begins. */
  readonly end: number;
}

export function readAppend(buffer: Buffer, start: number): AppendView {
  const end = start + buffer.readUInt32LE(start);
  const count = buffer.readUInt32LE(start + 4);
  let at = start + APPEND_HEADER_BYTES + buffer.readUInt32LE(start + 8);
  const writes: WriteView[] = [];
  for (let i = 0; i < count; i++) {
    const expected = buffer.readDoubleLE(at);
    const events = buffer.readUInt32LE(at + 8);
    at += 12;
    const records: number[] = [];
    for (let j = 0; j < events; j++) {
      const from = at + 4;
      at = from + buffer.readUInt32LE(at);
      records.push(from, at);
    }
    writes.push({ expected, records });
  }
  return { writes, condition: readCondition(buffer, start), end };
}

/** @returns the condition of the append at `start` */
export function readCondition(buffer: Buffer, start: number): ConditionView | null {
  const queryBytes = buffer.readUInt32LE(start + 8);
  if (queryBytes === 0) return null;
  const at = start + APPEND_HEADER_BYTES;
  return {
    query: JSON.parse(buffer.toString('utf8', at, at + queryBytes)) as Query,
    after: buffer.readDoubleLE(start + AFTER_AT),
  };
}

const refuse = (reason: string): PlexusError => new PlexusError('bad_request', { reason });
