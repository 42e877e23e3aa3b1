import type { EventMessages } from '../broker/event-message.ts';
import type { MessageRouter } from '../broker/ports.ts';
import type { Realm, Realms } from '../broker/realm.ts';
import type { StoredEvent } from '../store/event.ts';
import { encodeLevel } from '../store/names.ts';
import type { LocalStore, Stores } from '../store/store.ts';

/** What it needs; the broker's context has it. */
export interface StoreTopicsParts {
  readonly stores: Stores;
  readonly realms: Realms;
  readonly router: MessageRouter;
  readonly eventMessages: EventMessages;
  /** Whether a store is the one of its name in the cluster; of another nothing is published. Default: always. */
  readonly isServed?: (store: LocalStore) => boolean;
}

/**
 * Publishes committed events live on `$store/{store}/{stream}/{type}` in the realm of their store, at QoS 1 and in order of
 * position. While nobody subscribes to a store's topics it does not even hear of its commits. Nothing waits for it: what a
 * full queue has no room for is dropped there and counted.
 */
export class StoreTopics {
  readonly #parts: StoreTopicsParts;
  readonly #stops: (() => void)[] = [];

  constructor(parts: StoreTopicsParts) {
    this.#parts = parts;
  }

  /** Once the stores are there. */
  start(): void {
    const { stores, realms } = this.#parts;
    for (const store of stores.list()) this.#follow(store, realms.get(store.realm));
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #follow(store: LocalStore, realm: Realm): void {
    const level = encodeLevel(store.name);
    let unfollow: (() => void) | null = null;
    const { isServed = () => true } = this.#parts;
    const publish = (events: readonly StoredEvent[]): void => {
      if (isServed(store)) this.#publish(realm, `$store/${level}`, events);
    };
    const update = (): void => {
      const wanted = realm.storeInterest.wants(level);
      if (wanted) unfollow ??= store.onCommitted(publish);
      else {
        unfollow?.();
        unfollow = null;
      }
    };
    update();
    const unwatch = realm.storeInterest.watch(update);
    this.#stops.push(() => {
      unwatch();
      unfollow?.();
      unfollow = null;
    });
  }

  #publish(realm: Realm, prefix: string, events: readonly StoredEvent[]): void {
    const { router, eventMessages } = this.#parts;
    for (const event of events) {
      const topic = realm.unboundTopic(`${prefix}/${encodeLevel(event.stream)}/${encodeLevel(event.type)}`);
      if (!router.isWanted(realm, topic)) continue;
      router.publish(realm, eventMessages.make(topic, event, 1, null, true), null);
    }
  }
}
