/** What an operator decides about a full session queue. */
export type QueueFullPolicy = 'reject' | 'drop-oldest' | 'drop-newest' | 'disconnect';

/** The options of the broker; the option table in `config.ts` has their meanings and defaults. */
export interface BrokerOptions {
  readonly maxClients: number;
  readonly connectTimeoutMs: number;
  readonly connectionRatePerAddress: number;
  readonly connectionBurstPerAddress: number;
  readonly maxPacketBytes: number;
  readonly maxTopicBytes: number;
  readonly maxTopicLevels: number;
  readonly maxSubscriptionsPerClient: number;
  readonly maxSubscriptions: number;
  readonly maxInFlight: number;
  readonly maxTopicAliases: number;
  readonly checkPayloadFormat: boolean;
  readonly maxKeepAliveS: number;
  readonly responseTopicPrefix: string | null;
  readonly serverReference: string | null;
  readonly sysIntervalS: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly maxTotalQueuedBytes: number;
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
  readonly maxSessions: number;
  readonly maxSessionExpiryS: number;
  readonly outboundBufferBytes: number;
  readonly outboundHighWaterBytes: number;
  readonly outboundLowWaterBytes: number;
  readonly maxStalledBytes: number;
  readonly publisherBufferBytes: number;
  readonly maxIncompleteBytes: number;
  readonly writeTimeoutMs: number;
  readonly stallAfterMs: number;
  readonly queueFull: QueueFullPolicy;
}
