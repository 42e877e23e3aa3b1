import { readUuid, UUID_BYTES } from '../../lib/uuid.ts';
import {
  FRAME_HEADER_BYTES,
  partOf,
  positionOf,
  recordEnd,
  streamIdOf,
  tagIdsOf,
  timeUsOf,
  typeIdOf,
  versionOf,
} from '../frame.ts';
import { RECORD_ID_OFFSET } from '../record.ts';
import { RecordedEvent } from '../recorded-event.ts';
import { causeId } from './cause-id.ts';

/** An event as it lies in the file, verified against its checksum: a view of its frame. */
export class StoredRow {
  /** Holds the frame in `[start, end)`, and those of other rows. */
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly position: number;
  readonly version: number;
  /** Row id. */
  readonly stream: number;
  #tagIds: readonly number[] | null = null;
  /** undefined: not looked at. */
  #correlation: string | null | undefined = undefined;
  #causation: string | null | undefined = undefined;

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.position = positionOf(buffer, start);
    this.version = versionOf(buffer, start);
    this.stream = streamIdOf(buffer, start);
  }

  /** Row id. */
  get type(): number {
    return typeIdOf(this.buffer, this.start);
  }

  /** Place in its append. */
  get part(): number {
    return partOf(this.buffer, this.start);
  }

  get timeUs(): number {
    return timeUsOf(this.buffer, this.start);
  }

  /** Of the frame. */
  get bytes(): number {
    return this.end - this.start;
  }

  /** Where in `buffer` the record is. */
  get recordStart(): number {
    return this.start + FRAME_HEADER_BYTES;
  }

  get recordEnd(): number {
    return recordEnd(this.buffer, this.start);
  }

  /** A view. */
  get record(): Buffer {
    return this.buffer.subarray(this.recordStart, this.recordEnd);
  }

  get event(): RecordedEvent {
    return new RecordedEvent(this.buffer, this.recordStart, this.recordEnd, this.position, this.version, this.timeUs);
  }

  get correlation(): string | null {
    if (this.#correlation === undefined) this.#readCauses();
    return this.#correlation!;
  }

  /** As in `causeId`. */
  get causation(): string | null {
    if (this.#causation === undefined) this.#readCauses();
    return this.#causation!;
  }

  get id(): string {
    return readUuid(this.buffer, this.recordStart + RECORD_ID_OFFSET);
  }

  hasId(id: Uint8Array): boolean {
    const at = this.recordStart + RECORD_ID_OFFSET;
    return this.buffer.subarray(at, at + UUID_BYTES).equals(id);
  }

  /** Row ids. */
  get tagIds(): readonly number[] {
    this.#tagIds ??= tagIdsOf(this.buffer, this.start);
    return this.#tagIds;
  }

  #readCauses(): void {
    const { correlationId, causationId } = this.event;
    this.#correlation = correlationId;
    this.#causation = causationId === null ? null : causeId(causationId);
  }
}
