import type { NewEvent } from './event.ts';
import type { Query } from './query.ts';

/** What a stream must be like: its last version, or `none` (does not exist), `exists`, `any`. */
export type ExpectedVersion = number | 'none' | 'exists' | 'any';

/** Events for one stream, in order. */
export interface StreamWrite {
  readonly stream: string;
  /** Default `any`. */
  readonly expectedVersion?: ExpectedVersion;
  /** At least one. */
  readonly events: readonly NewEvent[];
}

/** The dynamic consistency boundary: the append fails if an event after position `after` matches. */
export interface AppendCondition {
  readonly failIfEventsMatch: Query;
  /** The `lastPosition` of the read that the decision rests on; -1: any event of the store counts. */
  readonly after: number;
}

/**
 * One atomic append, to one stream or several; all or nothing. Event ids are looked at before expectations and
 * condition: if all of them were appended before, together, in the same order, to the same streams and with the same
 * content, the answer is the first one again and nothing is written.
 */
export interface AppendRequest {
  /** At least one; no stream twice. Several writes of one stream must be one. */
  readonly writes: readonly StreamWrite[];
  readonly condition?: AppendCondition;
}

export interface AppendResult {
  /** Of the last event. */
  readonly position: number;
  /** By write, in order: the version of its last event. */
  readonly versions: readonly number[];
  /** Of the commit. */
  readonly timeUs: number;
  /** Whether this is the answer to an earlier append with the same ids. */
  readonly duplicate: boolean;
}

/** Hides a stream's events from reads of the stream, until (soft) or whether or not (tombstone) it is written again. */
export interface DeleteStreamRequest {
  readonly stream: string;
  readonly expectedVersion?: ExpectedVersion;
  /** true: no append to this stream is ever taken again. */
  readonly tombstone: boolean;
}

export interface DeleteStreamResult {
  /** Of the last event of the stream: the next one, after a soft delete, has this plus 1. */
  readonly version: number;
}
