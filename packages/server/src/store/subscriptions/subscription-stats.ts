/** What happened in a subscription since the service began. */
export interface SubscriptionCounts {
  /** Handed to consumers, repeats too. */
  delivered: number;
  acknowledged: number;
  /** Refused with `retry`. */
  retried: number;
  parked: number;
  /** Lost to a full queue, by policy. */
  dropped: number;
  /** How often a queue has passed 80 %. */
  warnings: number;
}

export const newCounts = (): SubscriptionCounts => ({
  delivered: 0,
  acknowledged: 0,
  retried: 0,
  parked: 0,
  dropped: 0,
  warnings: 0,
});

/** For metrics: what happened, and how it is now. */
export interface SubscriptionStats extends SubscriptionCounts {
  readonly name: string;
  readonly consumers: number;
  readonly inFlight: number;
  /** Events that wait in front of consumers. */
  readonly queued: number;
  readonly lagEvents: number;
  readonly lagS: number;
}
