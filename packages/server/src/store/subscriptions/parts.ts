import type { Clock } from '../../lib/clock.ts';
import type { Logger, RateLimitedLog } from '../../lib/log.ts';
import type { Engine } from '../engine.ts';
import type { LiveFeed } from './live-feed.ts';

/** What all subscriptions of one store share. */
export interface SubscriptionParts {
  readonly engine: Engine;
  readonly feed: LiveFeed;
  readonly clock: Clock;
  readonly log: Logger;
  /** For what a slow consumer causes again and again. */
  readonly limitedLog: RateLimitedLog;
}
