import type { Qos, SubscribeRequest } from '@plexus/protocol';
import type { Message } from './message.ts';
import type { RetainedStore } from './retained-store.ts';

/** The retained messages that a new subscription is still owed. */
export class RetainedFeed {
  readonly filter: string;
  readonly qos: Qos;
  readonly #store: RetainedStore;
  readonly #realm: string;
  readonly #topics: Iterator<string>;
  /** Whose turn it is; null before it is known. */
  #topic: string | null = null;

  constructor(request: SubscribeRequest, store: RetainedStore, realm: string) {
    this.filter = request.filter;
    this.qos = request.qos;
    this.#store = store;
    this.#realm = realm;
    this.#topics = store.match(realm, request.filter);
  }

  /**
   * The next that has not expired, as it is now: one that had to wait for room may have been replaced meanwhile. It stays
   * the next until `advance`. null at the end.
   */
  peek(wallMs: number): Message | null {
    for (;;) {
      if (this.#topic === null) {
        const step = this.#topics.next();
        if (step.done === true) return null;
        this.#topic = step.value;
      }
      const message = this.#store.get(this.#realm, this.#topic);
      if (message !== null && message.expiresAtMs > wallMs) return message;
      this.#topic = null;
    }
  }

  advance(): void {
    this.#topic = null;
  }
}
