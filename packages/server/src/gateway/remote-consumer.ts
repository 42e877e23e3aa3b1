import { PlexusError } from '@plexus/protocol';
import { decodePage } from '../store/page.ts';
import type { Consumer, ConsumerEnd, ConsumerOptions, ConsumerSink, NackAction } from '../store/subscription.ts';
import type { Asked, RemoteRoute } from './remote-route.ts';
import { RemoteStream, type StreamOwner } from './remote-stream.ts';
import { type ConsumerMore, decodeError } from './store-messages.ts';
import type { Fields } from './store-wire.ts';

/**
 * A consumer in the group of a subscription that another node has. When its link breaks, what it had in hand goes to others. A sink that can
 * move then gets a place in the group again, and events that it had may come twice; any other is told that it has failed.
 */
export class RemoteConsumer implements Consumer, StreamOwner {
  window = 0;
  ackTimeoutMs = 0;
  readonly #route: RemoteRoute;
  readonly #name: string;
  readonly #options: ConsumerOptions;
  readonly #sink: ConsumerSink;
  readonly #stream: RemoteStream;
  /** Asked for and not delivered. */
  #demand: number;
  #isOver = false;
  /** Of this turn of the event loop. */
  #ack: number[] = [];
  #nack: (readonly [number, NackAction, string])[] = [];
  #request = 0;
  #isFlushing = false;

  private constructor(route: RemoteRoute, name: string, options: ConsumerOptions, sink: ConsumerSink) {
    this.#route = route;
    this.#name = name;
    this.#options = options;
    this.#sink = sink;
    this.#stream = new RemoteStream(route, this);
    // The other node asks its store only for what was asked for: without pull, that is whatever the window allows.
    this.#demand = options.pull === true ? 0 : Number.MAX_SAFE_INTEGER;
  }

  /** @throws {PlexusError} subscription_not_found, quota_exceeded, store_unavailable */
  static async attach(
    route: RemoteRoute,
    name: string,
    options: ConsumerOptions,
    sink: ConsumerSink,
  ): Promise<RemoteConsumer> {
    const consumer = new RemoteConsumer(route, name, options, sink);
    await consumer.#open();
    return consumer;
  }

  asked(): Asked {
    return { op: 'attach', name: this.#name, value: this.#options, bytes: null };
  }

  ack(position: number): void {
    this.#ack.push(position);
    this.#flushSoon();
  }

  nack(position: number, action: NackAction, reason: string): void {
    this.#nack.push([position, action, reason]);
    this.#flushSoon();
  }

  request(count: number): void {
    if (this.#isOver || !Number.isSafeInteger(count) || count <= 0) return;
    this.#demand = Math.min(this.#demand + count, Number.MAX_SAFE_INTEGER);
    this.#request = Math.min(this.#request + count, Number.MAX_SAFE_INTEGER);
    this.#flushSoon();
  }

  close(): void {
    if (this.#isOver) return;
    this.#flush();
    this.#end('closed', null);
  }

  onItem({ bytes, count, attempts, warn, end, reason, error }: Fields): void {
    if (bytes instanceof Uint8Array) this.#deliver(bytes, count as number, attempts as readonly number[]);
    if (Array.isArray(warn)) this.#sink.warn?.(warn[0] as number, warn[1] as number);
    if (end !== true || this.#isOver) return;
    const fault = typeof error === 'string' ? decodeError(error) : null;
    // Its node stops, not this one.
    if (reason === 'shutting_down') this.onLost(this.#route.unavailable('its node is shutting down'));
    else this.#end(reason as ConsumerEnd, fault);
  }

  onLost(error: PlexusError): void {
    if (this.#isOver) return;
    const fault = this.#route.unavailable(error.details.reason as string);
    // What was to be said was said of deliveries that are no more.
    this.#ack = [];
    this.#nack = [];
    if (this.#sink.canMove !== true) this.#end('failed', fault);
    else this.#open(stillThere).catch((thrown: unknown) => this.#end('failed', thrown as Error));
  }

  async #open(known?: (error: unknown) => unknown): Promise<void> {
    const result = (await this.#stream.open(known)) as { window: number; ackTimeoutMs: number } | null;
    if (result === null) return;
    this.window = result.window;
    this.ackTimeoutMs = result.ackTimeoutMs;
    this.#request = this.#demand;
    // Not now: the sink is to know its consumer when the first event comes.
    if (this.#demand > 0) this.#flushSoon();
  }

  #deliver(bytes: Uint8Array, count: number, attempts: readonly number[]): void {
    const events = decodePage({ bytes, count });
    for (let i = 0; i < events.length && !this.#isOver; i++) {
      if (this.#options.pull === true) this.#demand--;
      this.#sink.deliver(events[i]!, attempts[i]!);
    }
  }

  #end(reason: ConsumerEnd, error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.close();
    this.#sink.end(reason, error);
  }

  #flushSoon(): void {
    if (this.#isFlushing || this.#isOver) return;
    this.#isFlushing = true;
    this.#route.clock.setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isOver || this.#ack.length + this.#nack.length + this.#request === 0) return;
    const more: ConsumerMore = { ack: this.#ack, nack: this.#nack, request: this.#request, close: false };
    this.#ack = [];
    this.#nack = [];
    this.#request = 0;
    this.#stream.more(more as unknown as Fields);
  }
}

/** The place of a consumer that was lost is taken until its node has noticed. */
function stillThere(error: unknown): unknown {
  const isTaken = error instanceof PlexusError && error.code === 'quota_exceeded';
  return isTaken ? new PlexusError('store_unavailable', { store: '', reason: error.message }) : error;
}
