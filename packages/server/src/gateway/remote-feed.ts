import type { Logger } from '../lib/log.ts';
import type { StoredEvent } from '../store/event.ts';
import type { StartFrom } from '../store/subscription.ts';
import { RemoteCatchUp } from './remote-catch-up.ts';
import type { RemoteRoute } from './remote-route.ts';

type Listener = (events: readonly StoredEvent[]) => void;

const AGAIN_MS = 1000;

/**
 * The committed events of a store of another node, from now on, for whoever listens here: they travel once, and only while somebody
 * does. While the store is away it waits for it, and goes on where it was.
 */
export class RemoteFeed {
  readonly #route: RemoteRoute;
  readonly #log: Logger;
  readonly #listeners = new Set<Listener>();
  #abort: AbortController | null = null;

  constructor(route: RemoteRoute, log: Logger) {
    this.#route = route;
    this.#log = log;
  }

  listen(listener: Listener): () => void {
    // An own function, so that the same listener may be added twice.
    const own: Listener = (events) => listener(events);
    this.#listeners.add(own);
    if (this.#abort === null) {
      this.#abort = new AbortController();
      void this.#run(this.#abort.signal);
    }
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return;
      this.#abort?.abort();
      this.#abort = null;
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    let from: StartFrom = 'now';
    let { uuid } = this.#route;
    while (!signal.aborted) {
      // Positions are those of one store.
      if (uuid !== this.#route.uuid) from = 'now';
      uuid = this.#route.uuid;
      const reader = new RemoteCatchUp(this.#route, { selector: { kind: 'all' }, from, signal });
      try {
        for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
          this.#show(next.value);
        }
      } catch (error) {
        const { store, realm } = this.#route;
        this.#log.warn(
          { err: error, store, realm, event: 'store_feed_lost' },
          'a store cannot be listened to; again soon',
        );
      }
      from = reader.from;
      if (!signal.aborted) await new Promise<void>((resolve) => this.#route.clock.setTimeout(resolve, AGAIN_MS));
    }
  }

  #show(event: StoredEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener([event]);
      } catch (error) {
        this.#log.error({ err: error }, 'a listener for committed events failed');
      }
    }
  }
}
