import { readUuid } from '../lib/uuid.ts';
import { JSON_TYPE, type StoredEvent } from './event.ts';
import { Has, RECORD_FIXED_BYTES, RECORD_ID_OFFSET } from './record.ts';

const NO_TAGS: readonly string[] = [];

/** A stored event as a view of its record: members are decoded when they are asked for, once. */
export class RecordedEvent implements StoredEvent {
  readonly position: number;
  readonly version: number;
  readonly timeUs: number;
  readonly #buffer: Buffer;
  readonly #start: number;
  readonly #end: number;
  /** Where the optional members begin, and where the data does; 0 until they were looked for. */
  #dataAt = 0;
  #stream: string | null = null;
  #type: string | null = null;
  #contentType: string = JSON_TYPE;
  #correlationId: string | null = null;
  #causationId: string | null = null;
  #tags: readonly string[] = NO_TAGS;
  #metadataAt = 0;
  #metadataEnd = 0;
  #data: unknown = undefined;
  #hasData = false;

  /** @param buffer holds the record in `[start, end)` */
  constructor(buffer: Buffer, start: number, end: number, position: number, version: number, timeUs: number) {
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
    this.position = position;
    this.version = version;
    this.timeUs = timeUs;
  }

  get id(): string {
    return readUuid(this.#buffer, this.#start + RECORD_ID_OFFSET);
  }

  get stream(): string {
    if (this.#stream === null) {
      const at = this.#start + RECORD_FIXED_BYTES;
      this.#stream = this.#buffer.toString('utf8', at, at + this.#buffer[this.#start + 18]!);
    }
    return this.#stream;
  }

  get type(): string {
    if (this.#type === null) {
      const at = this.#start + RECORD_FIXED_BYTES + this.#buffer[this.#start + 18]!;
      this.#type = this.#buffer.toString('utf8', at, at + this.#buffer[this.#start + 19]!);
    }
    return this.#type;
  }

  get contentType(): string {
    this.#parse();
    return this.#contentType;
  }

  get correlationId(): string | null {
    this.#parse();
    return this.#correlationId;
  }

  get causationId(): string | null {
    this.#parse();
    return this.#causationId;
  }

  get tags(): readonly string[] {
    this.#parse();
    return this.#tags;
  }

  get metadata(): unknown {
    const text = this.metadataText;
    return text === null ? null : JSON.parse(text);
  }

  /** As JSON text; null: none. */
  get metadataText(): string | null {
    this.#parse();
    return this.#metadataAt === 0 ? null : this.#buffer.toString('utf8', this.#metadataAt, this.#metadataEnd);
  }

  get bytes(): Uint8Array {
    this.#parse();
    return this.#buffer.subarray(this.#dataAt, this.#end);
  }

  get data(): unknown {
    if (!this.#hasData) {
      this.#parse();
      const isJson = this.#contentType === JSON_TYPE;
      this.#data = isJson ? JSON.parse(this.#buffer.toString('utf8', this.#dataAt, this.#end)) : this.bytes;
      this.#hasData = true;
    }
    return this.#data;
  }

  /** Of the whole record, in bytes. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** The whole record; a view. */
  get record(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  #parse(): void {
    if (this.#dataAt !== 0) return;
    const buffer = this.#buffer;
    const start = this.#start;
    const has = buffer[start + 1]!;
    let at = start + RECORD_FIXED_BYTES + buffer[start + 18]! + buffer[start + 19]!;
    const text = (): string => {
      const from = at + 1;
      at = from + buffer[at]!;
      return buffer.toString('utf8', from, at);
    };
    if ((has & Has.ContentType) !== 0) this.#contentType = text();
    if ((has & Has.CorrelationId) !== 0) this.#correlationId = text();
    if ((has & Has.CausationId) !== 0) this.#causationId = text();
    if ((has & Has.Tags) !== 0) {
      const count = buffer[at++]!;
      const tags: string[] = [];
      for (let i = 0; i < count; i++) tags.push(text());
      this.#tags = tags;
    }
    if ((has & Has.Metadata) !== 0) {
      this.#metadataAt = at + 4;
      this.#metadataEnd = this.#metadataAt + buffer.readUInt32LE(at);
      at = this.#metadataEnd;
    }
    this.#dataAt = at;
  }
}
