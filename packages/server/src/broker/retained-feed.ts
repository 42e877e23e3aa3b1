import { type Qos, type SubscribeRequest, subscriptionIdentifierProperty } from '@plexus/protocol';
import type { Message } from './message.ts';
import type { RetainedStore } from './retained-store.ts';

export const NOT_FOUND_YET = 'not found yet';

/** The retained messages that a new subscription is still owed. */
export class RetainedFeed {
  readonly filter: string;
  readonly qos: Qos;
  /** The subscription's identifier, as MQTT 5 property; null for none. */
  readonly identifiers: Uint8Array | null;
  readonly #store: RetainedStore;
  readonly #realm: string;
  readonly #topics: Iterator<string | null>;
  /** Whose turn it is; null before it is known. */
  #topic: string | null = null;

  constructor(request: SubscribeRequest, store: RetainedStore, realm: string) {
    this.filter = request.filter;
    this.qos = request.qos;
    const identifier = request.subscriptionIdentifier;
    this.identifiers = identifier === undefined ? null : subscriptionIdentifierProperty(identifier);
    this.#store = store;
    this.#realm = realm;
    this.#topics = store.match(realm, request.filter);
  }

  /**
   * The next that has not expired, as it is now: one that had to wait for room may have been replaced meanwhile. It stays
   * the next until `advance`. NOT_FOUND_YET when a bounded look has found none; null at the end.
   */
  peek(wallMs: number): Message | typeof NOT_FOUND_YET | null {
    if (this.#topic === null) {
      const step = this.#topics.next();
      if (step.done === true) return null;
      if (step.value === null) return NOT_FOUND_YET;
      this.#topic = step.value;
    }
    const message = this.#store.get(this.#realm, this.#topic);
    if (message !== null && message.expiresAtMs > wallMs) return message;
    this.#topic = null;
    return NOT_FOUND_YET;
  }

  advance(): void {
    this.#topic = null;
  }
}
