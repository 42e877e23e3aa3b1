import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../lib/clock.ts';
import type { StoreInfo } from '../store/reads.ts';
import type { Store, StoreStatus, Stores } from '../store/store.ts';
import type { SubscriptionCounts, SubscriptionInfo } from '../store/subscription.ts';
import { type Row, RowMetrics, row } from './metric-rows.ts';

/** A store that does not answer must not hold up the numbers of everything else. */
const MAX_WAIT_MS = 2000;

const STATUS_ROWS: readonly Row<StoreStatus>[] = [
  row('healthy', '1 while the store can be written and read', (s) => (s.healthy ? 1 : 0)),
  row(
    'last_position',
    'Position of the last event; -1: none. Its rate is that of events appended',
    (s) => s.lastPosition,
  ),
  row('queue_bytes', 'Bytes of appends that wait to be written', (s) => s.writerQueueBytes),
  row('workers', 'Threads that serve the store', (s) => s.workers.length),
  row('worker_restarts', 'How often those threads had to be started again', (s) =>
    s.workers.reduce((sum, { restarts }) => sum + restarts, 0),
  ),
];

const INFO_ROWS: readonly Row<StoreInfo>[] = [
  row('events', 'Events in the store', (s) => s.events),
  row('streams', 'Streams that exist', (s) => s.streams),
  row('bytes', 'Bytes of its files', (s) => s.bytes),
];

const SUBSCRIPTION_ROWS: readonly Row<SubscriptionInfo>[] = [
  row('lag_events', 'Positions between the checkpoint and the end of the store', (s) => s.lagEvents),
  row('lag_seconds', 'Age of the first event after the checkpoint', (s) => s.lagS),
  row('in_flight', 'Events that were delivered and not answered', (s) => s.inFlight),
  row('parked', 'Events that were given up on', (s) => s.parked),
  row('consumers', 'Consumers in its group', (s) => s.consumers),
  row('running', '1 while it is neither paused nor stopped', (s) => (s.state === 'running' ? 1 : 0)),
];

const COUNTS: readonly (readonly [name: keyof SubscriptionCounts, help: string])[] = [
  ['delivered', 'Events that were handed to consumers, repeats too'],
  ['acknowledged', 'Events that were acknowledged'],
  ['retried', 'Events that were refused, to come again'],
  ['parked', 'Events that were given up on'],
  ['dropped', 'Events that were lost to a full queue, by policy'],
  ['warnings', 'How often a queue in front of a consumer has passed 80 %'],
];

/** Numbers of the stores, read when somebody asks for them. */
export class StoreMetrics {
  readonly #stores: Stores;
  readonly #clock: Clock;
  readonly #status: RowMetrics<StoreStatus>;
  readonly #info: RowMetrics<StoreInfo>;
  readonly #subscriptions: RowMetrics<SubscriptionInfo>;
  readonly #counters: ReadonlyMap<keyof SubscriptionCounts, Counter>;
  readonly #catchUpWarnings: Counter;

  constructor(registry: Registry, stores: Stores, clock: Clock) {
    this.#stores = stores;
    this.#clock = clock;
    this.#status = new RowMetrics(registry, 'plexus_store_', STATUS_ROWS, ['store']);
    this.#info = new RowMetrics(registry, 'plexus_store_', INFO_ROWS, ['store']);
    this.#subscriptions = new RowMetrics(registry, 'plexus_store_subscription_', SUBSCRIPTION_ROWS, [
      'store',
      'subscription',
    ]);
    const labelNames = ['store', 'subscription'];
    this.#counters = new Map(
      COUNTS.map(([key, help]) => [
        key,
        new Counter({ name: `plexus_store_subscription_${key}_total`, help, labelNames, registers: [registry] }),
      ]),
    );
    this.#catchUpWarnings = new Counter({
      name: 'plexus_store_catch_up_warnings_total',
      help: 'How often a queue in front of a catch-up reader has passed 80 %',
      labelNames: ['store'],
      registers: [registry],
    });
  }

  async update(): Promise<void> {
    const stores = this.#stores.list();
    const infos = await Promise.all(stores.map((store) => this.#infoOf(store)));
    for (const metrics of [this.#status, this.#info, this.#subscriptions]) metrics.reset();
    for (const counter of [...this.#counters.values(), this.#catchUpWarnings]) counter.reset();
    for (const [index, store] of stores.entries()) {
      const labels = { store: store.name };
      this.#status.set(labels, store.status());
      this.#catchUpWarnings.inc(labels, store.catchUpWarnings);
      const info = infos[index];
      // What a store could not say now is left out, and not told from memory.
      if (info != null) this.#info.set(labels, info);
      for (const subscription of store.subscriptions.list()) {
        const both = { ...labels, subscription: subscription.definition.name };
        this.#subscriptions.set(both, subscription);
        const { counts } = subscription;
        for (const [key, counter] of this.#counters) counter.inc(both, counts[key]);
      }
    }
  }

  /** @returns null if it fails, or takes too long */
  #infoOf(store: Store): Promise<StoreInfo | null> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => resolve(null), MAX_WAIT_MS);
      store.read('storeInfo', {}).then(
        (info) => {
          timer.cancel();
          resolve(info);
        },
        () => {
          timer.cancel();
          resolve(null);
        },
      );
    });
  }
}
