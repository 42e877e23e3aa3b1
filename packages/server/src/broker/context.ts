import type { TopicLimits } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import type { Logger, RateLimitedLog } from '../lib/log.ts';
import type { Stores } from '../store/store.ts';
import type { BrokerCounters } from './counters.ts';
import type { EventMessages } from './event-message.ts';
import type { FeedScheduler } from './feed-scheduler.ts';
import type { IncompletePackets } from './incomplete-packets.ts';
import type { BrokerOptions } from './options.ts';
import type { OutboundContext } from './outbound.ts';
import type { Authenticator, MessageRouter } from './ports.ts';
import type { Realms } from './realm.ts';
import type { RetainedStore } from './retained-store.ts';

/** A sum of bytes that several parts add to. */
export interface ByteAccount {
  total: number;
}

/** What the connections and sessions of one node share. */
export interface BrokerContext extends OutboundContext {
  readonly options: BrokerOptions;
  readonly topicLimits: TopicLimits;
  readonly clock: Clock;
  readonly counters: BrokerCounters;
  readonly realms: Realms;
  readonly retained: RetainedStore;
  readonly stores: Stores;
  readonly eventMessages: EventMessages;
  readonly router: MessageRouter;
  readonly authenticator: Authenticator;
  /** Bytes in the queues and windows of all sessions. */
  readonly queuedBytes: ByteAccount;
  readonly incomplete: IncompletePackets;
  readonly feeds: FeedScheduler;
  /** For a client that wants one assigned: unique, and hard to guess. */
  newClientId(): string;
  readonly log: Logger;
  /** For what a client can cause at will. */
  readonly limitedLog: RateLimitedLog;
}
