import { setImmediate as turn } from 'node:timers/promises';
import { PacketType } from '@plexus/protocol';
import { expect } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import type { NewEvent } from '../store/event.ts';
import type { NewSubscription, SubscriptionInfo } from '../store/subscription.ts';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { TestBroker, type TestBrokerOptions } from './test-broker.ts';
import type { TestClient } from './test-client.ts';
import { TestStore, testStores } from './test-store.ts';

/** Stands for the subscription `jobs`. */
export const FILTER = '$subscription/default/jobs';
/** A client that acknowledges nothing by itself. */
export const HELD = { autoAck: false };
/** Turns of the event loop after which an engine in memory has answered all that follows from one step. */
const TURNS = 10;
/** More than a subscription takes to save its progress. */
const SAVED_MS = 500;

/** A broker and a store `default` in realm `default` with a subscription `jobs` to everything, on one virtual clock. */
export async function brokerWithStore(definition: Partial<NewSubscription> = {}, options: TestBrokerOptions = {}) {
  const clock = new FakeClock();
  const engine = new MemoryEngine({ wallMs: () => clock.wallMs(), store: 'default' });
  const store = new TestStore('default', 'default', engine, clock);
  const { service, subscriptions } = store;
  await service.start();
  await subscriptions.create({ name: 'jobs', selector: { kind: 'all' }, ...definition });
  const broker = new TestBroker({ stores: testStores(store), clock, ...options });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < TURNS; i++) {
      broker.settle();
      await turn();
    }
  };
  const advance = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 250) {
      broker.advance(Math.min(left, 250));
      await settle();
    }
  };
  const appendEvents = async (stream: string, ...events: NewEvent[]): Promise<void> => {
    await store.append({ writes: [{ stream, expectedVersion: 'any', events }] });
  };
  return {
    broker,
    service,
    subscriptions,
    settle,
    /** As it is at the moment; progress may not be saved yet. */
    info: () => subscriptions.get('jobs'),
    /** Once progress is saved. */
    async saved(): Promise<SubscriptionInfo> {
      await advance(SAVED_MS);
      return subscriptions.get('jobs');
    },
    /** Appends one event each. */
    async append(stream: string, ...data: unknown[]): Promise<void> {
      for (const one of data) await appendEvents(stream, { type: 't', data: one });
      await settle();
    },
    appendEvents,
    async consumer(
      id: string,
      connect: Parameters<TestBroker['client']>[1] = {},
      filter = FILTER,
    ): Promise<TestClient> {
      const client = broker.client(id, connect);
      expect(client.subscribe(filter, 1)).toEqual([1]);
      await settle();
      return client;
    },
    advance,
    async ack(client: TestClient, at: number, reason = 0): Promise<void> {
      client.ack(PacketType.Puback, client.messages[at]!.packetId, reason);
      await settle();
    },
  };
}

/** How often each event that a client got had been delivered by then, as it says itself. */
export const attempts = (client: TestClient): (string | undefined)[] =>
  client.messages.map(({ properties }) => properties.userProperties?.find(([name]) => name === 'attempt')?.[1]);
