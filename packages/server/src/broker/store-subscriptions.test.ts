import { PacketType, Reason } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attempts, brokerWithStore, FILTER, HELD } from '../testing/broker-with-store.ts';
import { seeded } from '../testing/seed.ts';

describe('an event of a store subscription', () => {
  it('comes at QoS 1 on the filter, with its fields as properties and the subscription identifier', async () => {
    const { broker, settle, appendEvents, saved } = await brokerWithStore();
    const client = broker.client('c');
    client.subscribeAll([{ filter: FILTER, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }], {
      subscriptionIdentifiers: [7],
    });
    expect(client.all('suback')[0]?.packet.reasons).toEqual([1]);
    await appendEvents('order-1', { type: 'placed', data: { total: 3 }, tags: ['a', 'b'], metadata: { by: 'ann' } });
    await settle();
    const [message] = client.messages;
    expect(client.messages).toHaveLength(1);
    expect(message).toMatchObject({ topic: FILTER, payload: '{"total":3}', qos: 1, dup: false, retain: false });
    const { userProperties = [], ...properties } = message!.properties;
    expect(properties).toEqual({
      payloadFormatIndicator: 1,
      contentType: 'application/json',
      subscriptionIdentifiers: [7],
    });
    expect(userProperties.filter(([name]) => name !== 'id' && name !== 'time')).toEqual([
      ['stream', 'order-1'],
      ['version', '0'],
      ['position', '0'],
      ['type', 'placed'],
      ['tag', 'a'],
      ['tag', 'b'],
      ['metadata', '{"by":"ann"}'],
      ['attempt', '1'],
    ]);
    expect(await saved()).toMatchObject({ checkpoint: 0, inFlight: 0, consumers: 1 });
  });

  it('is acknowledged by its PUBACK, and comes again after a break until then', async () => {
    const { append, consumer, ack, info, saved } = await brokerWithStore();
    const first = await consumer('c', HELD);
    await append('a', 1, 2, 3);
    expect(first.take()).toEqual(['1', '2', '3']);
    await ack(first, 0);
    expect(await saved()).toMatchObject({ checkpoint: 0, inFlight: 2 });
    first.hangUp();
    expect(info().consumers).toBe(0);
    const second = await consumer('c', HELD);
    expect(second.take()).toEqual(['2', '3']);
    expect(second.messages.map((message) => message.dup)).toEqual([false, false]);
    expect(attempts(second)).toEqual(['2', '2']);
  });

  it('is its data alone on 3.1.1', async () => {
    const { append, consumer, saved } = await brokerWithStore();
    const client = await consumer('c', { version: 4 });
    await append('a', 'x', 'y');
    expect(client.messages.map(({ topic, payload, qos }) => [topic, payload, qos])).toEqual([
      [FILTER, '"x"', 1],
      [FILTER, '"y"', 1],
    ]);
    expect((await saved()).checkpoint).toBe(1);
  });

  it('from before comes too, and history goes over into the present without gap or copy', async () => {
    const { append, consumer, saved } = await brokerWithStore();
    await append('a', ...Array.from({ length: 40 }, (_, i) => i));
    const client = await consumer('c', { properties: { receiveMaximum: 7 } });
    await append('a', ...Array.from({ length: 40 }, (_, i) => 40 + i));
    expect(client.take()).toEqual(Array.from({ length: 80 }, (_, i) => `${i}`));
    expect((await saved()).checkpoint).toBe(79);
  });

  it('larger than the client takes is parked, and the next one comes', async () => {
    const { append, consumer, saved, subscriptions } = await brokerWithStore();
    const client = await consumer('c', { properties: { maximumPacketSizeBytes: 400 } });
    await append('a', 'x'.repeat(500), 'y');
    expect(client.take()).toEqual(['"y"']);
    expect(await saved()).toMatchObject({ parked: 1, checkpoint: 1 });
    const { items } = await subscriptions.listParked('jobs', -1, 10);
    expect(items[0]?.reason).toBe('larger than the maximum packet size of c');
  });

  it('with a name that is encoded is found by it', async () => {
    const { append, consumer, subscriptions } = await brokerWithStore();
    await subscriptions.create({ name: 'a/b %+#', selector: { kind: 'all' } });
    const filter = '$subscription/default/a%2Fb %25%2B%23';
    const client = await consumer('c', {}, filter);
    await append('a', 1);
    expect(client.messages.map(({ topic }) => topic)).toEqual([filter]);
  });
});

describe('a SUBSCRIBE to a store subscription', () => {
  it.each([
    ['$subscription/default/none', 1, Reason.TopicFilterInvalid, 'Store default has no subscription none'],
    ['$subscription/none/jobs', 1, Reason.TopicFilterInvalid, 'There is no store none'],
    ['$subscription/+/jobs', 1, Reason.TopicFilterInvalid, 'without wildcards'],
    ['$subscription/#', 1, Reason.TopicFilterInvalid, 'without wildcards'],
    ['$subscription', 1, Reason.TopicFilterInvalid, 'without wildcards'],
    ['$subscription/default/jobs/more', 1, Reason.TopicFilterInvalid, 'without wildcards'],
    ['$subscription/default/', 1, Reason.TopicFilterInvalid, 'without wildcards'],
    ['$subscription/default/50%', 1, Reason.TopicFilterInvalid, 'without wildcards'],
    ['$share/g/$subscription/default/jobs', 1, Reason.TopicFilterInvalid, 'not shared'],
    [FILTER, 0, Reason.ImplementationSpecificError, 'needs QoS 1'],
  ] as const)('%s at QoS %i is refused with its reason', async (filter, qos, reason, words) => {
    const { broker, info } = await brokerWithStore();
    const client = broker.client('c');
    expect(client.subscribe(filter, qos)).toEqual([reason]);
    expect(client.all('suback')[0]?.packet.properties.reasonString).toContain(words);
    expect(broker.client('c4', { version: 4 }).subscribe(filter, qos)).toEqual([0x80]);
    expect([info().consumers, broker.broker.realms.subscriptions]).toEqual([0, 0]);
    expect(client.closed).toBe(false);
  });

  it('is refused to a session that outlives its connection', async () => {
    const { broker } = await brokerWithStore();
    const kept = broker.client('c', { properties: { sessionExpiryIntervalS: 60 } });
    expect(kept.subscribe(FILTER, 1)).toEqual([Reason.ImplementationSpecificError]);
    expect(kept.all('suback')[0]?.packet.properties.reasonString).toContain('clean session');
    expect(broker.client('c4', { version: 4, cleanStart: false }).subscribe(FILTER, 1)).toEqual([0x80]);
  });

  it('does not tell a store of another realm from none', async () => {
    const { broker } = await brokerWithStore(
      {},
      { authenticator: { authenticate: () => ({ realm: 'red', username: null }) } },
    );
    const client = broker.client('c');
    expect(client.subscribe(FILTER, 1)).toEqual([Reason.TopicFilterInvalid]);
    expect(client.all('suback')[0]?.packet.properties.reasonString).toBe('There is no store default');
  });

  it('is refused with 0x97 once the consumer group is full, until one goes', async () => {
    const { broker, consumer } = await brokerWithStore({ poolSize: 1 });
    const first = await consumer('first');
    const second = broker.client('second');
    expect(second.subscribe(FILTER, 1)).toEqual([Reason.QuotaExceeded]);
    first.disconnect();
    expect(second.subscribe(FILTER, 1)).toEqual([1]);
  });

  it('counts as a subscription of its client and its realm, in no session and for no message', async () => {
    const { broker, consumer, subscriptions } = await brokerWithStore({}, { maxSubscriptionsPerClient: 2 });
    await subscriptions.create({ name: 'more', selector: { kind: 'all' } });
    const client = await consumer('c');
    expect(client.subscribe('t', 1)).toEqual([1]);
    expect(client.subscribe('$subscription/default/more', 1)).toEqual([Reason.QuotaExceeded]);
    expect(client.subscribe(FILTER, 1)).toEqual([1]);
    expect(broker.broker.realms.subscriptions).toBe(2);
    expect([...broker.session('c')!.state.subscriptions.keys()]).toEqual(['t']);
    expect(broker.session('c')!.connection?.storeSubscriptions).toBe(1);
    client.disconnect();
    expect(broker.broker.realms.subscriptions).toBe(0);
  });

  it('again goes on as it was, with the new subscription identifier', async () => {
    const { append, consumer, info } = await brokerWithStore();
    const client = await consumer('c', HELD);
    await append('a', 1);
    const again = { filter: FILTER, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    client.subscribeAll([again], { subscriptionIdentifiers: [9] });
    await append('a', 2);
    expect(client.take()).toEqual(['1', '2']);
    expect(client.messages.map(({ properties }) => properties.subscriptionIdentifiers)).toEqual([undefined, [9]]);
    expect(info().consumers).toBe(1);
  });
});

describe('the window of a consumer', () => {
  it('is the receive maximum; each PUBACK lets one follow [MQTT-3.3.4-9]', async () => {
    const { append, consumer, ack, saved } = await brokerWithStore();
    const client = await consumer('c', { ...HELD, properties: { receiveMaximum: 2 } });
    await append('a', 1, 2, 3, 4);
    expect(client.take()).toEqual(['1', '2']);
    await ack(client, 1);
    expect(client.take()).toEqual(['3']);
    expect((await saved()).checkpoint).toBe(-1);
    await ack(client, 0);
    expect(client.take()).toEqual(['4']);
    expect((await saved()).checkpoint).toBe(1);
  });

  it('is the one of the subscription if that is lower', async () => {
    const { append, consumer } = await brokerWithStore({ window: 3 });
    const client = await consumer('c', HELD);
    await append('a', 1, 2, 3, 4);
    expect(client.take()).toEqual(['1', '2', '3']);
  });

  it('leaves the session its share: the last place is taken in turn', async () => {
    const { broker, append, consumer, ack } = await brokerWithStore();
    const client = await consumer('c', { ...HELD, properties: { receiveMaximum: 1 } });
    client.subscribe('t', 1);
    const publisher = broker.client('p');
    for (let i = 0; i < 4; i++) publisher.publish('t', `m${i}`, { qos: 1 });
    await append('a', 0, 1, 2, 3);
    for (let i = 0; i < 7; i++) await ack(client, i);
    expect(client.take()).toEqual(['m0', '0', 'm1', '1', 'm2', '2', 'm3', '3']);
  });

  it('leaves the session its share of several store subscriptions together', async () => {
    const { broker, append, consumer, ack, subscriptions, settle } = await brokerWithStore();
    const client = await consumer('c', { ...HELD, properties: { receiveMaximum: 1 } });
    for (const name of ['x', 'y']) {
      await subscriptions.create({ name, selector: { kind: 'all' } });
      client.subscribe(`$subscription/default/${name}`, 1);
    }
    client.subscribe('t', 1);
    await settle();
    const publisher = broker.client('p');
    for (let i = 0; i < 4; i++) publisher.publish('t', `m${i}`, { qos: 1 });
    await append('a', 0, 1, 2, 3);
    for (let i = 0; i < 15; i++) await ack(client, i);
    const got = client.take();
    expect(got.filter((payload) => !payload.startsWith('m')).sort()).toEqual([...'000111222333']);
    expect(got.map((payload) => payload.startsWith('m')).slice(0, 8)).toEqual([1, 0, 1, 0, 1, 0, 1, 0].map(Boolean));
  });

  it('is shared by its store subscriptions: what was never sent does not time out', async () => {
    const { append, consumer, advance, subscriptions, settle, broker } = await brokerWithStore({
      selector: { kind: 'stream', stream: 'jobs' },
      ackTimeoutMs: 1000,
      maxRetries: 0,
    });
    const names = ['jobs', 'more'];
    await subscriptions.create({
      name: 'more',
      selector: { kind: 'stream', stream: 'more' },
      ackTimeoutMs: 1000,
      maxRetries: 0,
    });
    for (const name of names) await append(name, ...Array.from({ length: 12 }, (_, i) => `${name} ${i}`));
    const client = await consumer('c', { ...HELD, properties: { receiveMaximum: 3 } });
    client.subscribe('$subscription/default/more', 1);
    await settle();
    // It acknowledges what it got first, every 250 ms: less than three of them are in time, four would not be.
    for (let i = 0; i < 24; i++) {
      await advance(250);
      client.ack(PacketType.Puback, client.messages[i]!.packetId);
      await settle();
    }
    expect(client.closed).toBe(false);
    expect(broker.broker.counters.closed.get('consumer_timeout')).toBeUndefined();
    for (const name of names) {
      expect(client.messages.map(({ payload }) => JSON.parse(payload)).filter((data) => data.startsWith(name))).toEqual(
        Array.from({ length: 12 }, (_, i) => `${name} ${i}`),
      );
      await advance(500);
      expect(subscriptions.get(name)).toMatchObject({ parked: 0, inFlight: 0 });
    }
  });

  it('is not used up by a store subscription that has nothing', async () => {
    const { append, consumer, ack, subscriptions, settle } = await brokerWithStore({
      selector: { kind: 'stream', stream: 'none' },
    });
    await subscriptions.create({ name: 'busy', selector: { kind: 'stream', stream: 'busy' } });
    const client = await consumer('c', { ...HELD, properties: { receiveMaximum: 1 } });
    client.subscribe('$subscription/default/busy', 1);
    await settle();
    await append('busy', ...Array(4).keys());
    for (let i = 0; i < 4; i++) await ack(client, i);
    expect(client.take()).toEqual(['0', '1', '2', '3']);
  });

  it('and the packet ids are shared with the messages of the session, whatever comes and goes', async () => {
    // Publishes, appends, acknowledgements in any order: never two of one packet id, never more than the receive maximum.
    const action = fc.oneof(
      fc.record({ kind: fc.constantFrom('publish', 'append'), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('ack'), count: fc.nat() }),
    );
    const run = fc.asyncProperty(
      fc.array(action, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (acts, max) => {
        const { broker, append, consumer, settle, saved } = await brokerWithStore();
        const client = await consumer('c', { ...HELD, properties: { receiveMaximum: max } });
        client.subscribe('t', 2);
        const publisher = broker.client('p');
        const unacked: number[] = [];
        let [seen, published, appended] = [0, 0, 0];
        const look = (): void => {
          for (const { packetId } of client.messages.slice(seen)) {
            expect(unacked).not.toContain(packetId);
            unacked.push(packetId);
          }
          seen = client.messages.length;
          expect(unacked.length).toBeLessThanOrEqual(max);
        };
        const acknowledge = async (at: number): Promise<void> => {
          const [packetId] = unacked.splice(at, 1);
          if (packetId !== undefined) client.ack(PacketType.Puback, packetId);
          await settle();
          look();
        };
        for (const { kind, count } of acts) {
          if (kind === 'ack') await acknowledge(count % Math.max(1, unacked.length));
          else if (kind === 'append') await append('a', ...Array.from({ length: count }, () => appended++));
          else for (let i = 0; i < count; i++) publisher.publish('t', `m${published++}`, { qos: 1 });
          look();
        }
        while (unacked.length > 0) await acknowledge(0);
        const payloads = client.messages.map(({ payload }) => payload);
        expect(payloads.filter((payload) => payload.startsWith('m'))).toHaveLength(published);
        expect(payloads.filter((payload) => !payload.startsWith('m'))).toEqual(
          Array.from({ length: appended }, (_, i) => `${i}`),
        );
        expect([(await saved()).checkpoint, broker.session('c')!.state.inFlight]).toEqual([appended - 1, 0]);
      },
    );
    await fc.assert(run, seeded(40));
  }, 60_000);
});
