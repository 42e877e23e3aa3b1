import { Reason } from '@plexus/protocol';
import type { BrokerCounters } from '../broker/counters.ts';
import type { LocalDelivery } from '../broker/local-delivery.ts';
import type { Message } from '../broker/message.ts';
import type { MessageRouter } from '../broker/ports.ts';
import type { PublishRun } from '../broker/publish-run.ts';
import type { Realm } from '../broker/realm.ts';
import type { RetainedStore } from '../broker/retained-store.ts';
import type { CommitTarget } from '../broker/session-store.ts';

/** The one place where a message meets everything that wants it: the retained store, then the sessions of this node. */
export class Router implements MessageRouter {
  readonly #local: LocalDelivery;
  readonly #retained: RetainedStore;
  readonly #counters: BrokerCounters;

  constructor(local: LocalDelivery, retained: RetainedStore, counters: BrokerCounters) {
    this.#local = local;
    this.#retained = retained;
    this.#counters = counters;
  }

  publishRun(realm: Realm, run: PublishRun): void {
    this.#local.deliverRun(realm, run);
  }

  publish(realm: Realm, message: Message, commit: CommitTarget | null): number {
    if (commit !== null && !this.#admits(realm, message)) {
      this.#counters.drop('refused', 1);
      return Reason.QuotaExceeded;
    }
    if (message.retain) this.#retain(realm, message);
    const matched = this.#local.deliver(realm, message, commit);
    return matched === 0 ? Reason.NoMatchingSubscribers : Reason.Success;
  }

  /** Asked of everything that could refuse, before anything has the message. */
  #admits(realm: Realm, message: Message): boolean {
    const retained = !message.retain || message.payloadLength === 0 || this.#retained.fits(realm.name, message);
    return retained && this.#local.admits(realm, message);
  }

  #retain(realm: Realm, message: Message): void {
    // [MQTT-3.3.1-6]: an empty payload takes the retained message away, and is not kept itself.
    if (message.payloadLength === 0) this.#retained.delete(realm.name, message.topic.name);
    else if (!this.#retained.set(realm.name, message)) {
      // What was there before is out of date either way [MQTT-3.3.1-5], [MQTT-3.3.1-7] of 3.1.1.
      this.#retained.delete(realm.name, message.topic.name);
      this.#counters.drop('retained_full', 1);
    }
  }
}
