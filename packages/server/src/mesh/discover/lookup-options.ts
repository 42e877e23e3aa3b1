import type { KeyKind } from '../ports.ts';
import type { QueryCause } from './query.ts';

export interface LookupOptions {
  /** What was found, or that nobody was, is good for at most this long; a tenth of it is jitter. */
  readonly ttlMs: number;
  /** Refreshes per second of all covered keys together; more than 0. */
  readonly coveredRatePerS: number;
  /** What is known of a covered key that is not used is good for at most this long, and is not refreshed before it is used. */
  readonly coveredIdleTtlMs: number;
  /** A query that failed counts as complete for this long, doubled with each that fails after it, up to `failedTtlMostMs`. */
  readonly failedTtlMs: number;
  readonly failedTtlMostMs: number;
  /** A query that takes longer has failed. */
  readonly deadlineMs: number;
  /** Beyond, those not used for longest are forgotten; those with queries last. */
  readonly maxKeys: number;
  /** Beyond, targets are not taken. */
  readonly maxTargetsPerKey: number;
  /** Queries at once. */
  readonly concurrency: number;
  /** Renewals of one key are at least this far apart. */
  readonly renewEveryMs: number;
  /** For how long a peer is left out of which the directory was wrong. */
  readonly wrongForMs: number;
  readonly maxWrongPeers: number;
  /** Queries that fail one after the other until the directory is said to be out of reach. */
  readonly outOfReachAfter: number;
}

export const LOOKUP_DEFAULTS: LookupOptions = {
  ttlMs: 60_000,
  coveredRatePerS: 0.5,
  coveredIdleTtlMs: 600_000,
  failedTtlMs: 1000,
  failedTtlMostMs: 30_000,
  deadlineMs: 5000,
  maxKeys: 20_000,
  maxTargetsPerKey: 1000,
  concurrency: 64,
  renewEveryMs: 1000,
  wrongForMs: 60_000,
  maxWrongPeers: 10_000,
  outOfReachAfter: 3,
};

/** What lookups count, for metrics. */
export class LookupCounters {
  readonly queries: Record<KeyKind, Record<QueryCause, number>> = {
    subscriber: { first: 0, refresh: 0, renew: 0 },
    publisher: { first: 0, refresh: 0, renew: 0 },
  };
  /** Of these, those that came to no end; and those whose time was up before their turn came. */
  failed = 0;
  /** Answers that nobody had to wait for, and others. */
  hits = 0;
  misses = 0;
  /** Keys forgotten for want of room. */
  evictions = 0;
  /** Targets found beyond `maxTargetsPerKey`. */
  refusedTargets = 0;
}
