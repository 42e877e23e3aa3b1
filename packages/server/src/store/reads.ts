import type { Query } from './query.ts';

/** What of the store, or of one stream, is read. All members that are given must hold. */
export interface EventFilter {
  readonly types?: readonly string[];
  readonly typePrefix?: string;
  /** Stream name in which `*` stands for any characters, none too: `order-*`. */
  readonly streamPattern?: string;
  readonly tags?: { readonly match: 'any' | 'all'; readonly tags: readonly string[] };
  readonly query?: Query;
  readonly correlationId?: string;
  readonly causationId?: string;
  /** At or after this time. */
  readonly sinceUs?: number;
  /** At or before this time. */
  readonly untilUs?: number;
}

export interface ReadRequest {
  /** null: the whole store. */
  readonly stream: string | null;
  readonly filter: EventFilter;
  readonly direction: 'forwards' | 'backwards';
  /** Inclusive: a version of the stream, or a position of the store. null: from the beginning, or the end. */
  readonly from: number | null;
  /** Most events of the page. */
  readonly limit: number;
  /** The page ends with the event that reaches this many bytes. */
  readonly maxBytes: number;
  /** `frames`: for `decodePage`. `ndjson`: one JSON object per line, as the HTTP API shows events. */
  readonly form: 'frames' | 'ndjson';
}

/** A page may hold fewer events than asked for, even none, though there are more: `next` says so, and nothing else does. */
export interface Page {
  /** Events in the form that was asked for. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** `from` of the next page; null: the end of the stream or the store, as of the read, was reached. */
  readonly next: number | null;
  /** Last position of the store as of the read; -1: it is empty. What an `AppendCondition` takes as `after`. */
  readonly lastPosition: number;
}

export interface StreamInfo {
  readonly stream: string;
  /** Last version ever assigned. */
  readonly version: number;
  /** false after a delete. */
  readonly exists: boolean;
  readonly tombstoned: boolean;
  /** Events that a read of the stream gives. */
  readonly count: number;
  readonly createdUs: number;
  readonly lastWrittenUs: number;
}

export interface StoreInfo {
  /** UUID, in the file. */
  readonly id: string;
  readonly events: number;
  /** Streams that exist. */
  readonly streams: number;
  /** Of the files of the store. */
  readonly bytes: number;
  readonly lastPosition: number;
}

/** A type or tag, and how many events have it. */
export interface NameCount {
  readonly name: string;
  readonly count: number;
}

/** One page of a listing by name. */
export interface NamePage<T> {
  readonly items: readonly T[];
  /** The last name shown, to go on after; null at the end. */
  readonly next: string | null;
}

/** Which part of the graph of causes. */
export interface CausationRequest {
  /** Of the event to start from. */
  readonly id: string;
  /**
   * `effects`: what names it as its cause. `cause`: the one event that it names. `chain`: from the root down to it;
   * what is cut off is the end at the event. A root that is more than 4,096 events beyond `limit` is not found: then it begins
   * with the highest that was come to, and has no root.
   * `correlated`: all of its correlation id. `graph`: everything that hangs together with it by causes.
   */
  readonly what: 'effects' | 'cause' | 'chain' | 'correlated' | 'graph';
  /** Most events; default 1,000. */
  readonly limit: number;
}

export interface CausationResult {
  /** As frames, by position; a chain from its root. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Ids, cause to effect; for `graph` and `chain`. */
  readonly edges: readonly { readonly from: string; readonly to: string }[];
  /** Ids of events without a cause in the store. */
  readonly roots: readonly string[];
  /** Whether `limit`, or a bound of bytes, cut something off. */
  readonly truncated: boolean;
  /** Whether the causes run in a circle somewhere. */
  readonly cyclic: boolean;
}

export interface SnapshotInfo {
  readonly stream: string;
  /** Of the last event that it takes account of. */
  readonly version: number;
  readonly savedUs: number;
}

export interface Snapshot extends SnapshotInfo {
  readonly data: unknown;
  readonly metadata: unknown;
}

/** What a scan of the whole store found. */
export interface VerifyReport {
  readonly events: number;
  readonly streams: number;
  /** Empty: everything is as it was written. At most 100 are named. */
  readonly faults: readonly { readonly where: string; readonly problem: string; readonly position: number | null }[];
}
