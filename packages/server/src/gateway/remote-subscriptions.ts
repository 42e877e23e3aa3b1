import { isDeepStrictEqual } from 'node:util';
import { PlexusError } from '@plexus/protocol';
import { decodePage } from '../store/page.ts';
import type { StoreSubscriptions } from '../store/store.ts';
import type {
  Consumer,
  ConsumerOptions,
  ConsumerSink,
  NewSubscription,
  ParkedEvent,
  StartFrom,
  SubscriptionInfo,
} from '../store/subscription.ts';
import { defineSubscription } from '../store/subscriptions/definition.ts';
import { RemoteConsumer } from './remote-consumer.ts';
import type { RemoteRoute } from './remote-route.ts';

/** How far the clocks of two nodes may be apart. */
const CLOCK_SLACK_MS = 5000;
const ANSWER_BYTES = 64 * 1024;

/** The persistent subscriptions of a store of another node. */
export class RemoteSubscriptions implements StoreSubscriptions {
  readonly #route: RemoteRoute;

  constructor(route: RemoteRoute) {
    this.#route = route;
  }

  async create(subscription: NewSubscription): Promise<SubscriptionInfo> {
    const definition = defineSubscription(subscription);
    const sinceUs = (this.#route.clock.wallMs() - CLOCK_SLACK_MS) * 1000;
    return this.#manage('create', [definition], async (error) => {
      if (error.code !== 'subscription_exists') return undefined;
      const found = await this.get(definition.name);
      const isOurs = found.createdUs >= sinceUs && isDeepStrictEqual(found.definition, definition);
      return isOurs ? found : undefined;
    });
  }

  get(name: string): Promise<SubscriptionInfo> {
    return this.#manage('get', [name]);
  }

  list(): Promise<SubscriptionInfo[]> {
    return this.#manage('list', ['']);
  }

  async delete(name: string): Promise<void> {
    await this.#manage('delete', [name], async ({ code }) => (code === 'subscription_not_found' ? null : undefined));
  }

  async pause(name: string): Promise<void> {
    await this.#manage('pause', [name]);
  }

  async resume(name: string): Promise<void> {
    await this.#manage('resume', [name]);
  }

  async reset(name: string, to: StartFrom): Promise<void> {
    await this.#manage('reset', [name, to]);
  }

  async listParked(name: string, after: number, limit: number): Promise<{ items: ParkedEvent[]; next: number | null }> {
    const { items, next, bytes, count } = await this.#manage<{
      items: Omit<ParkedEvent, 'event'>[];
      next: number | null;
      bytes: Uint8Array;
      count: number;
    }>('listParked', [name, after, limit]);
    const events = decodePage({ bytes, count });
    return { items: items.map((item, i) => ({ ...item, event: events[i]! })), next };
  }

  replayParked(name: string, positions: readonly number[] | null): Promise<number> {
    return this.#manage('replayParked', [name, positions]);
  }

  dropParked(name: string, positions: readonly number[] | null): Promise<number> {
    return this.#manage('dropParked', [name, positions]);
  }

  attach(name: string, options: ConsumerOptions, sink: ConsumerSink): Promise<Consumer> {
    return RemoteConsumer.attach(this.#route, name, options, sink);
  }

  /** @param doneBefore of an error after a first try of which nothing is known: the result of that; undefined: the error stands */
  async #manage<T>(
    name: string,
    value: readonly unknown[],
    doneBefore: (error: PlexusError) => Promise<T | undefined> = async () => undefined,
  ): Promise<T> {
    let isRepeated = false;
    const asked = { op: 'manage', name, value, bytes: null } as const;
    try {
      return (await this.#route.call('writer', asked, ANSWER_BYTES, () => {
        isRepeated = true;
      })) as T;
    } catch (error) {
      const result = isRepeated && error instanceof PlexusError ? await doneBefore(error) : undefined;
      if (result === undefined) throw error;
      return result;
    }
  }
}
