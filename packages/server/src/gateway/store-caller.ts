import { PlexusError } from '@plexus/protocol';
import type { Clock } from '../lib/clock.ts';
import { Fifo } from '../lib/fifo.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import { decodeResult, encodeRequest, type StoreRequest } from './store-messages.ts';
import { type Fields, sendMessage } from './store-wire.ts';
import { Watch } from './watch.ts';

export const CALLER_LIMITS = {
  /** Requests to one node that are not answered. */
  pending: 1024,
  /** Bytes of those requests, and of the small answers that they ask for. */
  pendingBytes: 256 * 1024 * 1024,
  /** Bytes of large answers that are asked for at once: the other node has them in memory until they are sent. The rest waits here. */
  largeBytes: 32 * 1024 * 1024,
  /** Consumers and readers at one node that stay open. */
  streams: 4096,
} as const;

/** The other node gives up before this, and says so; this is for one that does not. */
const TIMEOUT_MS = 15_000;
const RETRY_AFTER_MS = 100;
/** Answers of up to this size wait for no others. */
const SMALL_BYTES = 64 * 1024;

/** Who hears what comes for a request that stays open. Nothing here may throw. */
export interface OpenStream {
  onItem(item: Fields): void;
  /** Nothing comes any more. */
  onLost(error: PlexusError): void;
}

export interface Opened {
  readonly result: unknown;
  /** Says more to the other node. */
  more(message: Fields): void;
  /** Ends it here; the other node is told. Idempotent. */
  close(): void;
}

interface Pending {
  readonly request: StoreRequest;
  readonly message: Fields;
  readonly answerBytes: number;
  /** Whether it counts among the large answers that the other node was asked for. */
  isSent: boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly sinceMs: number;
  readonly weight: number;
  readonly stream: OpenStream | null;
}

/** This node's requests over one link. Nothing is asked twice here: whoever calls knows what may be. */
export class StoreCaller {
  readonly link: Link;
  readonly #clock: Clock;
  readonly #nextId: () => number;
  readonly #pending = new Map<number, Pending>();
  readonly #streams = new Map<number, OpenStream>();
  #bytes = 0;
  /** Large answers that the other node was asked for. */
  #largeBytes = 0;
  /** Requests that wait for such answers, by their ids. */
  readonly #waiting = new Fifo<number>();
  readonly #watch: Watch;

  /** @param nextId numbers that no request of this node had before: what comes for one that was given up is known by it */
  constructor(link: Link, clock: Clock, nextId: () => number) {
    this.link = link;
    this.#clock = clock;
    this.#nextId = nextId;
    this.#watch = new Watch(clock, TIMEOUT_MS, () => {
      this.#checkTimes();
      return this.#pending.size > 0;
    });
  }

  get streams(): number {
    return this.#streams.size;
  }

  /**
   * @param answerBytes most bytes that the answer may have, roughly
   * @throws {PlexusError} overloaded, store_unavailable (the link broke), timeout, and what the other node answers
   */
  call(request: StoreRequest, answerBytes: number): Promise<unknown> {
    return this.#send(this.#nextId(), request, answerBytes, null);
  }

  /** A request that stays open; items may come as soon as this is resolved, and before its caller goes on. */
  async open(request: StoreRequest, stream: OpenStream): Promise<Opened> {
    if (this.#streams.size >= CALLER_LIMITS.streams) throw overloaded(request.store);
    const id = this.#nextId();
    const result = await this.#send(id, request, 0, stream);
    return {
      result,
      more: (message) => {
        if (this.#streams.has(id)) sendMessage(this.link, FrameType.More, id, message);
      },
      close: () => {
        if (this.#streams.delete(id)) sendMessage(this.link, FrameType.More, id, { close: true });
      },
    };
  }

  answered(id: number, message: Fields): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      // Of a request that was given up: nobody is there for what would follow.
      if (message.ok === true) sendMessage(this.link, FrameType.More, id, { close: true });
      return;
    }
    this.#forget(id, pending);
    let result: unknown;
    try {
      result = decodeResult(message);
    } catch (error) {
      pending.reject(error as Error);
      return;
    }
    if (pending.stream !== null) this.#streams.set(id, pending.stream);
    pending.resolve(result);
  }

  item(id: number, item: Fields): void {
    const stream = this.#streams.get(id);
    if (item.end === true) this.#streams.delete(id);
    stream?.onItem(item);
  }

  /** The channel is gone: nobody knows what became of what was under way. */
  lost(reason: string): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    const all = [...this.#pending];
    // None of them is to be sent now.
    while (this.#waiting.shift() !== undefined);
    for (const [id, pending] of all) {
      this.#forget(id, pending);
      pending.reject(new PlexusError('store_unavailable', { store: pending.request.store, reason }));
    }
    for (const stream of streams) stream.onLost(new PlexusError('store_unavailable', { store: '', reason }));
    this.#watch.stop();
  }

  #send(id: number, request: StoreRequest, answerBytes: number, stream: OpenStream | null): Promise<unknown> {
    const { store } = request;
    const isLarge = answerBytes > SMALL_BYTES;
    const weight = (request.bytes?.length ?? 0) + (isLarge ? 0 : answerBytes);
    const isFull =
      this.#pending.size >= CALLER_LIMITS.pending ||
      (this.#bytes > 0 && this.#bytes + weight > CALLER_LIMITS.pendingBytes);
    if (isFull) return Promise.reject(overloaded(store));
    if (this.link.state !== 'up') {
      const reason = `the link to node ${this.link.peer.peerId} is down`;
      return Promise.reject(new PlexusError('store_unavailable', { store, reason }));
    }
    return new Promise((resolve, reject) => {
      // Before it is taken note of: what cannot be encoded throws here.
      const message = encodeRequest(request);
      const sinceMs = this.#clock.now();
      const pending = { request, message, answerBytes, isSent: false, resolve, reject, sinceMs, weight, stream };
      this.#pending.set(id, pending);
      this.#bytes += weight;
      this.#watch.keep();
      if (isLarge) {
        this.#waiting.push(id);
        this.#sendLarge();
      } else sendMessage(this.link, FrameType.Request, id, message);
    });
  }

  #sendLarge(): void {
    for (let id = this.#waiting.peek(); id !== undefined; id = this.#waiting.peek()) {
      const pending = this.#pending.get(id);
      // Otherwise it was given up before it was sent.
      if (pending !== undefined) {
        const { answerBytes, message } = pending;
        if (this.#largeBytes > 0 && this.#largeBytes + answerBytes > CALLER_LIMITS.largeBytes) return;
        this.#largeBytes += answerBytes;
        pending.isSent = true;
        sendMessage(this.link, FrameType.Request, id, message);
      }
      this.#waiting.shift();
    }
  }

  #forget(id: number, { weight, answerBytes, isSent }: Pending): void {
    this.#pending.delete(id);
    this.#bytes -= weight;
    if (!isSent) return;
    this.#largeBytes -= answerBytes;
    this.#sendLarge();
  }

  #checkTimes(): void {
    const now = this.#clock.now();
    for (const [id, pending] of this.#pending) {
      // Those behind came later still.
      if (pending.sinceMs + TIMEOUT_MS > now) return;
      // A slice of a verification takes as long as it takes.
      if (pending.request.op === 'read' && pending.request.name === 'verify') continue;
      this.#forget(id, pending);
      const what = `a request to store ${pending.request.store}`;
      pending.reject(new PlexusError('timeout', { what, timeoutMs: TIMEOUT_MS }));
    }
  }
}

const overloaded = (store: string): PlexusError =>
  new PlexusError('overloaded', { store, retryAfterMs: RETRY_AFTER_MS });
