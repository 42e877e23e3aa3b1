import type { ErrorCode, ErrorDetails } from '@plexus/protocol';
import type { ReadName, WriteName } from '../store/operations.ts';

/** What goes between a node's event loop and the threads of its stores. */

export interface WriterInit {
  readonly file: string;
  /** Name of the store, for errors. */
  readonly store: string;
  /** Of the page cache. */
  readonly cacheBytes: number;
}

/** A write that is no append. */
export interface OtherWrite {
  /** Among the items of the batch. */
  readonly index: number;
  readonly operation: WriteName;
  readonly request: unknown;
}

/** Writes of one turn of the event loop, in order. An item that is not in `others` is the next append of `buffer`. */
export interface WriteBatch {
  readonly batch: number;
  /** Appends as `writeAppend` makes them, one after another; comes back with the answer, to be used again. */
  readonly buffer: Uint8Array;
  readonly count: number;
  readonly others: readonly OtherWrite[];
}

export interface ItemError {
  readonly index: number;
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}

export type FromWriter =
  /** The first thing it says. */
  | { readonly kind: 'opened'; readonly lastPosition: number }
  /** Much of its log is not in the file yet. Said again when it has become that much more. */
  | { readonly kind: 'log' }
  | {
      readonly kind: 'done';
      readonly batch: number;
      readonly buffer: Uint8Array;
      /** Per append that was taken, in order: position, time, 1 if it is a duplicate else 0, last version per write. */
      readonly results: Float64Array;
      readonly others: readonly { readonly index: number; readonly result: unknown }[];
      /** By index. */
      readonly errors: readonly ItemError[];
    };

export interface ReaderInit {
  readonly file: string;
  /** Name of the store, for errors. */
  readonly store: string;
  /** Of the page cache. */
  readonly cacheBytes: number;
}

export interface ReadItem {
  readonly id: number;
  readonly operation: ReadName;
  readonly request: unknown;
}

/** Reads of one turn of the event loop. */
export type ReadBatch = readonly ReadItem[];

export type ReadAnswer =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly code: ErrorCode;
      readonly details: ErrorDetails;
      /** For the log, where the code says too little. */
      readonly text: string;
    };

export type FromReader = readonly ReadAnswer[];
