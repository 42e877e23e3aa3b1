import { PlexusError } from '@plexus/protocol';
import type { StoredEvent } from '../store/event.ts';
import type { Consumer, ConsumerEnd, ConsumerSink, NackAction } from '../store/subscription.ts';
import { EventBatch } from './event-batch.ts';
import type { ServedChannel, ServedStream } from './served-stream.ts';
import { jsonOf } from './store-messages.ts';
import type { Fields } from './store-wire.ts';

const FULL_BATCH_BYTES = 256 * 1024;
const NACK_ACTIONS: ReadonlySet<unknown> = new Set<NackAction>(['retry', 'park', 'skip', 'stop']);

/**
 * A consumer of another node in the group of a subscription here. It is let go when its link breaks: what it had in hand goes to
 * others, or to the same one when it comes again. It asks for events, so no more than its window is ever on the way.
 */
export class ServedConsumer implements ConsumerSink, ServedStream {
  readonly #channel: ServedChannel;
  readonly #batch = new EventBatch();
  #attempts: number[] = [];
  #isFlushing = false;
  #consumer: Consumer | null = null;

  constructor(channel: ServedChannel) {
    this.#channel = channel;
  }

  attached(consumer: Consumer): void {
    this.#consumer = consumer;
  }

  deliver(event: StoredEvent, attempt: number): void {
    this.#batch.add(event);
    this.#attempts.push(attempt);
    if (this.#batch.bytes >= FULL_BATCH_BYTES) this.#flush();
    else if (!this.#isFlushing) {
      this.#isFlushing = true;
      this.#channel.clock.setImmediate(() => {
        this.#isFlushing = false;
        this.#flush();
      });
    }
  }

  warn(queued: number, bound: number): void {
    this.#channel.item({ warn: [queued, bound] });
  }

  end(reason: ConsumerEnd, error: Error | null): void {
    this.#flush();
    const fault = error instanceof PlexusError ? jsonOf({ code: error.code, details: error.details }) : null;
    this.#channel.end({ reason, error: fault });
  }

  more({ ack, nack, request, close }: Fields): void {
    const consumer = this.#consumer;
    if (consumer === null || this.#channel.isOver) return;
    for (const position of list(ack)) consumer.ack(position as number);
    for (const one of list(nack)) {
      const [position, action, reason] = list(one);
      if (!NACK_ACTIONS.has(action) || typeof reason !== 'string') {
        throw new PlexusError('bad_request', { reason: 'no refusal of an event' });
      }
      consumer.nack(position as number, action as NackAction, reason);
    }
    if (typeof request === 'number' && request > 0) consumer.request(request);
    if (close === true) this.close();
  }

  close(): void {
    this.#channel.end(null);
    this.#consumer?.close();
  }

  #flush(): void {
    if (this.#batch.count === 0) return;
    this.#channel.item({ ...this.#batch.take(), attempts: this.#attempts });
    this.#attempts = [];
  }
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
