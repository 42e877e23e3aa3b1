import { PlexusError, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import type { Store, StoreSubscriptions, Stores } from '../store/store.ts';
import type { ConsumerSink } from '../store/subscription.ts';
import { brokerWithStore, FILTER, HELD } from '../testing/broker-with-store.ts';

/** A broker whose store is on another node: joining a group takes until `answer`. */
async function brokerFarFromStore() {
  const sinks: ConsumerSink[] = [];
  let answer = Promise.withResolvers<void>();
  let near: StoreSubscriptions | null = null;
  const subscriptions: Pick<StoreSubscriptions, 'attach'> = {
    async attach(name, options, sink) {
      sinks.push(sink);
      await answer.promise;
      return near!.attach(name, options, sink);
    },
  };
  const store = { name: 'default', realm: 'default', subscriptions } as unknown as Store;
  const stores: Stores = { list: () => [], get: () => store };
  const rig = await brokerWithStore({}, { stores });
  near = rig.subscriptions;
  return {
    ...rig,
    sinks,
    answer: async (error?: PlexusError): Promise<void> => {
      if (error === undefined) answer.resolve();
      else answer.reject(error);
      await rig.settle();
      answer = Promise.withResolvers();
    },
  };
}

const NOT_FOUND = new PlexusError('subscription_not_found', { store: 'default', name: 'jobs' });

describe('a store subscription of a store on another node', () => {
  it('is granted when that node has answered, and then gives events', async () => {
    const { broker, settle, append, answer, ack, info } = await brokerFarFromStore();
    const client = broker.client('c', HELD);
    expect(client.subscribe(FILTER, 1)).toEqual([]);
    await append('a', 1, 2);
    expect(client.all('suback')).toEqual([]);
    await answer();
    expect(client.all('suback').map(({ packet }) => packet.reasons)).toEqual([[1]]);
    await settle();
    expect(client.take()).toEqual(['1', '2']);
    await ack(client, 0);
    expect(info()).toMatchObject({ consumers: 1, inFlight: 1 });
  });

  it('is refused when that node refuses it, and may be asked for again', async () => {
    const { broker, answer, info } = await brokerFarFromStore();
    const client = broker.client('c', HELD);
    client.subscribe(FILTER, 1);
    client.subscribe(FILTER, 1);
    await answer(NOT_FOUND);
    const reasons = (): unknown[] => client.all('suback').map(({ packet }) => packet.reasons);
    expect(reasons()).toEqual([[Reason.TopicFilterInvalid], [Reason.TopicFilterInvalid]]);
    expect(broker.broker.realms.get('default').storeSubscriptions).toBe(0);
    client.subscribe(FILTER, 1);
    await answer();
    expect(reasons().at(-1)).toEqual([1]);
    expect(info().consumers).toBe(1);
  });

  it('is left again, where the client has gone before it was joined', async () => {
    for (const leave of ['unsubscribe', 'hang up'] as const) {
      const { broker, settle, answer, info } = await brokerFarFromStore();
      const client = broker.client('c', HELD);
      client.subscribe(FILTER, 1);
      if (leave === 'unsubscribe') client.unsubscribe(FILTER);
      else client.hangUp();
      await answer();
      await settle();
      expect(info().consumers, leave).toBe(0);
      expect(broker.broker.realms.get('default').storeSubscriptions, leave).toBe(0);
    }
  });

  it('closes the connection when the way to its node breaks: nothing is sent again on it', async () => {
    const { broker, settle, append, answer, sinks } = await brokerFarFromStore();
    const client = broker.client('c', HELD);
    client.subscribe(FILTER, 1);
    await answer();
    await append('a', 1);
    sinks[0]!.end('failed', new PlexusError('store_unavailable', { store: 'default', reason: 'the link broke' }));
    await settle();
    expect(client.all('disconnect')).toHaveLength(1);
    expect(client.messages).toHaveLength(1);
  });
});
