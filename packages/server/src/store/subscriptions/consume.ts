import { PlexusError } from '@plexus/protocol';
import { Fifo } from '../../lib/fifo.ts';
import type { StoredEvent } from '../event.ts';
import type { StoreSubscriptions } from '../store.ts';
import type { Consumer, ConsumerEnd, ConsumerSink, NackAction } from '../subscription.ts';

export interface ConsumeOptions {
  /** Shown in listings. Default `consumer`. */
  readonly name?: string;
  /** Unacknowledged events; default and most: the window of the subscription. */
  readonly window?: number;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** An event of a persistent subscription, to be answered once. */
export interface ConsumedEvent {
  readonly event: StoredEvent;
  /** 1 for the first delivery. */
  readonly attempt: number;
  ack(): void;
  /** @param action default `retry` */
  nack(action?: NackAction, reason?: string): void;
}

/**
 * Consumes a persistent subscription as a loop. The consumer joins at the first turn of the loop and leaves when the loop is
 * left; an event is asked for when the loop is ready for it, so that what is not asked for stays with the store.
 * @throws {PlexusError} in the loop: subscription_not_found (deleted, too), quota_exceeded, timeout (an acknowledgement),
 * consumer_overflow, shutting_down, store_unavailable (reset or stopped)
 */
export async function* consume(
  subscriptions: StoreSubscriptions,
  store: string,
  name: string,
  { name: consumerName = 'consumer', window, signal }: ConsumeOptions = {},
): AsyncGenerator<ConsumedEvent, void, undefined> {
  const sink = new LoopSink();
  const options = { name: consumerName, pull: true, ...(window === undefined ? {} : { window }) };
  const consumer = await subscriptions.attach(name, options, sink);
  const { ackTimeoutMs } = consumer;
  sink.consumer = consumer;
  const onAbort = (): void => consumer.close();
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) onAbort();
  try {
    for (;;) {
      consumer.request(1);
      const next = await sink.next();
      if (next === null) break;
      yield next;
    }
    const problem = problemOf(sink.reason, sink.error, { store, name, ackTimeoutMs });
    if (problem !== null) throw problem;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    consumer.close();
  }
}

/** Holds what was delivered until the loop comes for it: one event, as one is asked for at a time. */
class LoopSink implements ConsumerSink {
  readonly canMove = true;
  consumer: Consumer | null = null;
  reason: ConsumerEnd | null = null;
  error: Error | null = null;
  readonly #delivered = new Fifo<ConsumedEvent>();
  #wake: (() => void) | null = null;

  deliver(event: StoredEvent, attempt: number): void {
    const consumer = this.consumer!;
    this.#delivered.push({
      event,
      attempt,
      ack: () => consumer.ack(event.position),
      nack: (action = 'retry', reason = 'refused') => consumer.nack(event.position, action, reason),
    });
    this.#wake?.();
  }

  end(reason: ConsumerEnd, error: Error | null): void {
    this.reason = reason;
    this.error = error;
    this.#wake?.();
  }

  /** @returns null: the consumer was let go */
  async next(): Promise<ConsumedEvent | null> {
    while (this.reason === null) {
      const next = this.#delivered.shift();
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return null;
  }
}

/** @returns what the loop throws at its end; null: nothing */
function problemOf(
  reason: ConsumerEnd | null,
  error: Error | null,
  { store, name, ackTimeoutMs }: { store: string; name: string; ackTimeoutMs: number },
): Error | null {
  if (error !== null) return error;
  switch (reason) {
    case null:
    case 'closed':
      return null;
    case 'ack_timeout':
      return new PlexusError('timeout', { what: 'An acknowledgement', timeoutMs: ackTimeoutMs });
    case 'deleted':
      return new PlexusError('subscription_not_found', { store, name });
    default:
      return new PlexusError('store_unavailable', { store, reason: `subscription ${name}: ${reason}` });
  }
}
