import { encodeAck, PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { attempts, brokerWithStore, FILTER, HELD } from '../testing/broker-with-store.ts';

const streams = (count: number) => Array.from({ length: count }, (_, i) => `s${i}`);

describe('clients on one store subscription', () => {
  it('share its events out: each goes to one of them, those of a stream to the same', async () => {
    const { append, consumer, saved } = await brokerWithStore();
    const clients = [await consumer('a'), await consumer('b', { version: 4 }), await consumer('c')];
    for (let i = 0; i < 20; i++) for (const stream of streams(9)) await append(stream, `${stream} ${i}`);
    const got = clients.map((client) => client.take().map((payload) => JSON.parse(payload) as string));
    expect(got.flat()).toHaveLength(180);
    for (const stream of streams(9)) {
      const holders = got
        .map((all) => all.filter((data) => data.startsWith(`${stream} `)))
        .filter((own) => own.length > 0);
      expect(holders).toEqual([Array.from({ length: 20 }, (_, i) => `${stream} ${i}`)]);
    }
    expect(got.every((own) => own.length > 0)).toBe(true);
    expect(await saved()).toMatchObject({ checkpoint: 179, consumers: 3 });
  });

  it.each(['hangUp', 'disconnect', 'takeover', 'unsubscribe'] as const)(
    'take over from one that goes by %s',
    async (how) => {
      const { broker, append, consumer, settle, saved } = await brokerWithStore({ strategy: 'single' });
      const first = await consumer('first', HELD);
      const second = await consumer('second');
      await append('a', 1, 2);
      expect([first.take(), second.take()]).toEqual([['1', '2'], []]);
      if (how === 'takeover') broker.client('first');
      else if (how === 'unsubscribe') expect(first.unsubscribe(FILTER)).toEqual([0]);
      else first[how]();
      await settle();
      expect(second.take()).toEqual(['1', '2']);
      expect(attempts(second)).toEqual(['2', '2']);
      expect(await saved()).toMatchObject({ checkpoint: 1, consumers: 1 });
    },
  );

  it('a late PUBACK after UNSUBSCRIBE frees its packet id, and says nothing to the store', async () => {
    const { broker, append, consumer, ack, saved } = await brokerWithStore();
    const client = await consumer('c', { ...HELD, properties: { receiveMaximum: 2 } });
    await append('a', 1, 2);
    client.unsubscribe(FILTER);
    expect(client.unsubscribe(FILTER)).toEqual([Reason.NoSubscriptionExisted]);
    client.subscribe('t', 1);
    const publisher = broker.client('p');
    publisher.publish('t', 'm', { qos: 1 });
    expect(client.take()).toEqual(['1', '2']);
    await ack(client, 0);
    expect(client.take()).toEqual(['m']);
    const ids = client.messages.map(({ packetId }) => packetId);
    expect(ids[2]).not.toBe(ids[1]);
    expect(await saved()).toMatchObject({ checkpoint: -1, consumers: 0, inFlight: 0 });
  });

  it('one that does not acknowledge in time is closed, and others get what it had', async () => {
    const { broker, append, consumer, advance, saved } = await brokerWithStore({ ackTimeoutMs: 5000 });
    const stuck = await consumer('stuck', HELD);
    await append('a', 1, 2);
    const other = await consumer('other');
    await advance(4500);
    expect([stuck.closed, other.take()]).toEqual([false, []]);
    await advance(1000);
    expect([stuck.closed, stuck.disconnectReason]).toEqual([true, Reason.UnspecifiedError]);
    expect(stuck.all('disconnect')[0]?.packet.properties.reasonString).toBe(`${FILTER}: ack_timeout`);
    expect(broker.broker.counters.closed.get('consumer_timeout')).toBe(1);
    expect(stuck.take()).toEqual(['1', '2']);
    expect(other.take()).toEqual(['1', '2']);
    expect(await saved()).toMatchObject({ checkpoint: 1, consumers: 1 });
  });

  it('one that takes nothing gets no more than fits, and the rest goes to others', async () => {
    const { append, consumer, settle, saved, broker } = await brokerWithStore({}, { outboundBufferBytes: 4096 });
    const slow = await consumer('slow');
    slow.transport.pace = 0;
    await append('a', ...Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(1000)));
    expect(broker.registered('slow')!.connection.outbound.bytes).toBeLessThan(4096 + 2000);
    expect(slow.messages).toHaveLength(0);
    expect((await saved()).checkpoint).toBe(-1);
    slow.transport.pace = Number.POSITIVE_INFINITY;
    await settle();
    expect(slow.take().map((payload) => JSON.parse(payload).trim())).toEqual(
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
    expect((await saved()).checkpoint).toBe(49);
  });

  it('wait while the node as a whole has no room, and go on when it has', async () => {
    const options = { outboundHighWaterBytes: 20_000, outboundLowWaterBytes: 10_000, outboundBufferBytes: 1_000_000 };
    const { append, consumer, settle, info, broker } = await brokerWithStore({}, options);
    const [reader, client] = [broker.client('reader'), await consumer('c')];
    reader.subscribe('t', 0);
    reader.transport.pace = 0;
    const { context, flow, realms } = broker.broker;
    for (let i = 0; i < 30; i++) {
      context.router.publish(realms.get('default'), broker.message('t', 'x'.repeat(1000)), null);
    }
    expect(flow.closed).toBe(true);
    await append('a', 1, 2);
    expect([client.take(), info().inFlight]).toEqual([[], 2]);
    reader.transport.pace = Number.POSITIVE_INFINITY;
    await settle();
    expect(client.take()).toEqual(['1', '2']);
  });
});

describe('a PUBACK that refuses an event', () => {
  it.each([Reason.UnspecifiedError, Reason.QuotaExceeded, Reason.PacketIdentifierInUse])(
    'with %i has it delivered again, and parked after maxRetries',
    async (reason) => {
      const { append, consumer, ack, advance, saved, subscriptions } = await brokerWithStore({ maxRetries: 2 });
      const client = await consumer('c', HELD);
      await append('a', 1);
      for (let i = 0; i < 3; i++) {
        expect(client.messages).toHaveLength(i + 1);
        await ack(client, i, reason);
        await advance(1000);
      }
      expect(attempts(client)).toEqual(['1', '2', '3']);
      expect(client.messages.every(({ dup }) => !dup)).toBe(true);
      expect(await saved()).toMatchObject({ parked: 1, checkpoint: 0, inFlight: 0 });
      const { items } = await subscriptions.listParked('jobs', -1, 10);
      expect(items[0]).toMatchObject({ attempts: 3, event: { data: 1 } });
      expect(client.closed).toBe(false);
    },
  );

  it.each([
    Reason.ImplementationSpecificError,
    Reason.NotAuthorized,
    Reason.TopicNameInvalid,
    Reason.PayloadFormatInvalid,
  ])('with %i has it parked at once, and the next one comes', async (reason) => {
    const { append, consumer, ack, saved, subscriptions } = await brokerWithStore({ window: 1 });
    const client = await consumer('c', HELD);
    await append('a', 1, 2);
    await ack(client, 0, reason);
    expect(client.take()).toEqual(['1', '2']);
    expect(await saved()).toMatchObject({ parked: 1, checkpoint: 0 });
    const { items } = await subscriptions.listParked('jobs', -1, 10);
    expect(items.map(({ attempts, reason: why }) => [attempts, why])).toEqual([
      [1, `refused with reason code 0x${reason.toString(16)}`],
    ]);
  });

  it('has its reason string kept with the parked event', async () => {
    const { append, consumer, settle, subscriptions } = await brokerWithStore();
    const client = await consumer('c', HELD);
    await append('a', 1);
    const reasonString = 'no such customer';
    client.send(
      encodeAck(5, PacketType.Puback, client.messages[0]!.packetId, Reason.PayloadFormatInvalid, { reasonString }),
    );
    await settle();
    expect((await subscriptions.listParked('jobs', -1, 10)).items[0]?.reason).toBe(reasonString);
  });

  it('by PUBREC is a protocol error: the event came at QoS 1', async () => {
    const { append, consumer } = await brokerWithStore();
    const client = await consumer('c', HELD);
    await append('a', 1);
    client.ack(PacketType.Pubrec, client.messages[0]!.packetId);
    expect(client.disconnectReason).toBe(Reason.ProtocolError);
  });
});

describe('the end of a store subscription', () => {
  it.each(['delete', 'reset'] as const)('by %s closes its consumers with 0x98', async (how) => {
    const { broker, append, consumer, settle, subscriptions } = await brokerWithStore();
    const [client, v4] = [await consumer('c', HELD), await consumer('c4', { version: 4 })];
    const bystander = broker.client('b');
    await append('a', 1);
    if (how === 'delete') await subscriptions.delete('jobs');
    else await subscriptions.reset('jobs', 'start');
    await settle();
    expect([client.disconnectReason, client.closed, v4.closed]).toEqual([Reason.AdministrativeAction, true, true]);
    expect(bystander.closed).toBe(false);
    expect(broker.broker.counters.closed.get('subscription_ended')).toBe(2);
    expect(broker.broker.realms.subscriptions).toBe(0);
  });

  it('by the end of the node: nothing goes from one client to the next, or is given up', async () => {
    const { broker, append, consumer, settle, info, service } = await brokerWithStore({ maxRetries: 0 });
    const clients = [await consumer('a', HELD), await consumer('b', HELD), await consumer('c', HELD)];
    for (const stream of streams(9)) await append(stream, stream);
    expect(clients.flatMap((client) => client.take())).toHaveLength(9);
    const stopped = service.stop();
    broker.broker.drain();
    await settle();
    await stopped;
    expect(clients.map((client) => client.take())).toEqual([[], [], []]);
    expect(clients.map((client) => client.disconnectReason)).toEqual(clients.map(() => Reason.ServerShuttingDown));
    expect(info()).toMatchObject({ checkpoint: -1, parked: 0 });
  });

  it('by the end of its store closes with 0x8b', async () => {
    const { consumer, settle, service } = await brokerWithStore();
    const client = await consumer('c');
    await service.stop();
    await settle();
    expect(client.disconnectReason).toBe(Reason.ServerShuttingDown);
  });
});
