import type { Timer } from '../../lib/clock.ts';
import type { Recent } from '../../peer/recency-list.ts';
import type { MeshKey } from '../ports.ts';

/** Why the directory is asked: nothing is known, and somebody may wait; what is known grows old; somebody has reason to think that it has changed. */
export type QueryCause = 'first' | 'refresh' | 'renew';

/** `answered`: all there is. `failed`: the directory is out of reach, or there was no time. `no_keys`: this node takes no part in the realm. */
export type QueryOutcome = 'answered' | 'failed' | 'no_keys';

/** One question to the directory: who can be found under a key, in all epochs. */
export class Query implements Recent<Query> {
  readonly key: MeshKey;
  /** Changes while it waits for its turn, if somebody wants to know sooner. */
  cause: QueryCause;
  readonly askedAt: number;
  /** null: it waits for its turn. */
  begunAt: number | null = null;
  /** null: its time begins when its turn comes. */
  deadlineAt: number | null = null;
  timer: Timer | null = null;
  /** Has come to an end, or was given up: what comes still is not heard. */
  isOver = false;
  /** Somebody of the directory has answered. */
  wasReached = false;
  /** It had its turn for so short a time that it is no fault of the directory that there was no answer. */
  wasTooShort = false;
  /** Peer ids. */
  readonly found = new Set<string>();
  readonly abort = new AbortController();

  older: Query | null = null;
  newer: Query | null = null;
  inList = false;

  constructor(key: MeshKey, cause: QueryCause, askedAt: number) {
    this.key = key;
    this.cause = cause;
    this.askedAt = askedAt;
  }
}
