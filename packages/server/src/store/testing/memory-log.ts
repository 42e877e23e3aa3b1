import { PlexusError } from '@plexus/protocol';
import type { AppendResult, DeleteStreamRequest, DeleteStreamResult } from '../append.ts';
import { type AppendView, Expected, expectedCode, expectedText, readAppend } from '../append-codec.ts';
import { matchesQuery } from '../query.ts';
import { RecordedEvent } from '../recorded-event.ts';

/** A stream of the model. */
export interface MemoryStream {
  readonly name: string;
  /** All that was ever written to it, hidden or not. */
  readonly events: RecordedEvent[];
  /** Version of the first event that reads give: after a soft delete, that of the next one. */
  first: number;
  deleted: 'no' | 'soft' | 'tombstone';
}

/** One append, as it was taken. */
interface TakenAppend {
  readonly records: readonly Buffer[];
  readonly result: AppendResult;
}

/** The naive log: arrays, looked through from the front. What a real one must agree with. */
export class MemoryLog {
  readonly events: RecordedEvent[] = [];
  readonly streams = new Map<string, MemoryStream>();
  /** Event id → the append that it came with. */
  readonly #appendOf = new Map<string, TakenAppend>();

  get lastPosition(): number {
    return this.events.length - 1;
  }

  /** Time of the last event; 0 in an empty store. */
  get lastTimeUs(): number {
    return this.events.at(-1)?.timeUs ?? 0;
  }

  /** Takes the append that begins at `start` of `buffer`, or leaves everything as it is and throws. */
  append(buffer: Buffer, start: number, timeUs: number): AppendResult {
    const view = readAppend(buffer, start);
    const writes = view.writes.map(({ expected, records }) => ({ expected, records: recordsOf(buffer, records) }));
    const records = writes.flatMap((write) => write.records);
    const earlier = this.#earlier(records);
    if (earlier !== null) return { ...earlier, duplicate: true };
    for (const write of writes) {
      const { stream } = viewOf(write.records[0]!, 0, 0, 0);
      checkExpected(stream, this.streams.get(stream) ?? null, write.expected);
    }
    this.#checkCondition(view);
    const versions = writes.map((write) => write.records.map((record) => this.#add(record, timeUs)).at(-1)!);
    const result: AppendResult = { position: this.lastPosition, versions, timeUs, duplicate: false };
    for (const record of records) this.#appendOf.set(viewOf(record, 0, 0, 0).id, { records, result });
    return result;
  }

  /** @throws {PlexusError} stream_not_found, stream_tombstoned, wrong_expected_version */
  deleteStream({ stream: name, expectedVersion = 'any', tombstone }: DeleteStreamRequest): DeleteStreamResult {
    const expected = expectedCode(expectedVersion);
    const stream = this.stream(name);
    checkExpected(name, stream, expected);
    stream.deleted = tombstone ? 'tombstone' : 'soft';
    stream.first = stream.events.length;
    return { version: stream.events.length - 1 };
  }

  /** @throws {PlexusError} stream_not_found */
  stream(name: string): MemoryStream {
    const stream = this.streams.get(name);
    if (stream === undefined) throw new PlexusError('stream_not_found', { stream: name });
    return stream;
  }

  /** The answer to an earlier append of just these records, or null if none of their ids is known. */
  #earlier(records: readonly Buffer[]): AppendResult | null {
    const ids = records.map((record) => viewOf(record, 0, 0, 0).id);
    const twice = ids.find((id, i) => ids.indexOf(id) !== i);
    if (twice !== undefined) throw new PlexusError('event_id_conflict', { id: twice });
    const known = ids.find((id) => this.#appendOf.has(id));
    if (known === undefined) return null;
    const earlier = this.#appendOf.get(known)!;
    const isSame =
      earlier.records.length === records.length && earlier.records.every((record, i) => record.equals(records[i]!));
    if (!isSame) throw new PlexusError('event_id_conflict', { id: known });
    return earlier.result;
  }

  #checkCondition({ condition }: AppendView): void {
    if (condition === null) return;
    const { query, after } = condition;
    const match = this.events.find(({ position, type, tags }) => position > after && matchesQuery(query, type, tags));
    if (match !== undefined) throw new PlexusError('append_condition_failed', { position: match.position, after });
  }

  /** @returns its version */
  #add(record: Buffer, timeUs: number): number {
    const { stream: name } = viewOf(record, 0, 0, 0);
    const stream: MemoryStream = this.streams.get(name) ?? { name, events: [], first: 0, deleted: 'no' };
    this.streams.set(name, stream);
    stream.deleted = 'no';
    const version = stream.events.length;
    const event = viewOf(record, this.events.length, version, timeUs);
    stream.events.push(event);
    this.events.push(event);
    return version;
  }
}

function checkExpected(name: string, stream: MemoryStream | null, expected: number): void {
  if (stream?.deleted === 'tombstone') throw new PlexusError('stream_tombstoned', { stream: name });
  const actual = (stream?.events.length ?? 0) - 1;
  const exists = stream !== null && stream.deleted === 'no';
  const holds =
    expected === Expected.Any ||
    (expected === Expected.None && !exists) ||
    (expected === Expected.Exists && exists) ||
    (expected >= 0 && expected === actual);
  if (holds) return;
  throw new PlexusError('wrong_expected_version', { stream: name, expected: expectedText(expected), actual });
}

function recordsOf(buffer: Buffer, bounds: readonly number[]): Buffer[] {
  const records: Buffer[] = [];
  for (let i = 0; i < bounds.length; i += 2) records.push(Buffer.from(buffer.subarray(bounds[i]!, bounds[i + 1]!)));
  return records;
}

function viewOf(record: Buffer, position: number, version: number, timeUs: number): RecordedEvent {
  return new RecordedEvent(record, 0, record.length, position, version, timeUs);
}
