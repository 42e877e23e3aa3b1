/** An event as a caller hands it in. */
export interface NewEvent {
  /** UUID, in any case; absent: a UUID v7 is made. The same ids make a retry safe: see `AppendRequest`. */
  readonly id?: string;
  /** 1 to 200 bytes, percent-encoded as in `names.ts`. */
  readonly type: string;
  /** With `application/json` any JSON value, absent is null; with any other content type the bytes. */
  readonly data?: unknown;
  /** Any JSON value; absent or null: none. */
  readonly metadata?: unknown;
  /** Default `application/json`; `application/octet-stream` where `data` is a Uint8Array. At most 200 bytes. */
  readonly contentType?: string;
  /** At most 32, each 1 to 200 bytes of UTF-8; twice the same counts once. */
  readonly tags?: readonly string[];
  /** What belongs together; at most 200 bytes. */
  readonly correlationId?: string | null;
  /** Id of the event that this one follows from; at most 200 bytes. */
  readonly causationId?: string | null;
}

export const JSON_TYPE = 'application/json';
export const BYTES_TYPE = 'application/octet-stream';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Bounds on what is appended. */
export const LIMITS = {
  /** One event: its record, which is data, metadata, names and tags. */
  maxEventBytes: MiB,
  maxAppendEvents: 1000,
  maxAppendBytes: 4 * MiB,
  maxTags: 32,
  maxTagBytes: 200,
  /** Of correlation ids, causation ids and content types. */
  maxTextBytes: 200,
} as const;

/** One immutable fact, as it was stored. */
export interface StoredEvent {
  /** UUID in lower case. */
  readonly id: string;
  readonly stream: string;
  /** Place in its stream, from 0. */
  readonly version: number;
  /** Place in the store, from 0, without gaps. */
  readonly position: number;
  readonly type: string;
  readonly contentType: string;
  /** The value, for `application/json`; else the same as `bytes`. */
  readonly data: unknown;
  /** The data as stored: JSON text, or any bytes. A view: copy it to keep it. */
  readonly bytes: Uint8Array;
  /** null: none. */
  readonly metadata: unknown;
  readonly tags: readonly string[];
  /** Microseconds since 1970: of the commit, never less than that of the event before. */
  readonly timeUs: number;
  readonly correlationId: string | null;
  readonly causationId: string | null;
}

/** What a selector or a query is asked about: no need to have decoded the rest. */
export type EventFacts = Pick<StoredEvent, 'stream' | 'type' | 'tags' | 'data' | 'contentType'>;
