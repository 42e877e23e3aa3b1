import { encodePingreq } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { publishPacket } from '../testing/packets.ts';
import { TestBroker, type TestBrokerOptions } from '../testing/test-broker.ts';
import type { TestClient } from '../testing/test-client.ts';

const OPTIONS = {
  outboundHighWaterBytes: 20_000,
  outboundLowWaterBytes: 10_000,
  publisherBufferBytes: 5000,
  // Far away, so that only the water marks decide.
  stallAfterMs: 1_000_000,
  writeTimeoutMs: 2_000_000,
};
const payload = (i: number) => `${i}`.padEnd(1000);

/** A subscriber that does not read, and a publisher that has closed the gate. */
const scene = (options: TestBrokerOptions = {}) => {
  const broker = new TestBroker({ ...OPTIONS, ...options });
  const subscriber = broker.client('s');
  subscriber.subscribe('t', 1);
  subscriber.transport.pace = 0;
  const publisher = broker.client('p', { keepAliveS: 2 });
  let sent = 0;
  const publish = (client: TestClient, count: number) => {
    for (let i = 0; i < count; i++) client.publish('t', payload(sent++), { qos: 1 });
  };
  publish(publisher, 25);
  return { broker, subscriber, publisher, publish };
};

describe('a publisher that outruns the node', () => {
  it('waits: above the high-water mark PUBLISH packets are not handled nor acknowledged', () => {
    const { broker, publisher } = scene();
    expect(broker.broker.flow.closed).toBe(true);
    expect(broker.broker.flow.heldBytes).toBeLessThan(22_000);
    expect(publisher.all('puback').length).toBeLessThan(25);
    expect(broker.broker.flow.waitingPublishers).toBe(1);
  });

  it('is not read further once publisherBufferBytes are full; what is held stays bounded', () => {
    const { broker, publisher, publish } = scene();
    publish(publisher, 100);
    expect(publisher.transport.paused).toBe(true);
    expect(publisher.transport.unreadBytes).toBeGreaterThan(90_000);
    expect(broker.broker.flow.heldBytes).toBeLessThan(22_000);
  });

  it('is still answered to PINGREQ, and its acknowledgements count, while it is read', () => {
    const { broker, publisher } = scene({ publisherBufferBytes: 50_000 });
    const puback = publisher.all('puback').length;
    publisher.ping();
    expect(publisher.all('pingresp')).toHaveLength(1);
    publisher.subscribe('own', 1);
    broker.broker.context.router.publish(
      broker.broker.realms.get('default'),
      broker.message('own', 'x', { qos: 1 }),
      null,
    );
    broker.settle();
    expect(publisher.take()).toEqual(['x']);
    expect(broker.session('p')?.state.inFlight).toBe(0);
    expect(publisher.all('puback')).toHaveLength(puback);
  });

  it('is answered to a PINGREQ that came in the same read as what waits', () => {
    const { publisher } = scene({ publisherBufferBytes: 50_000 });
    publisher.send(publishPacket(5, 't', payload(0), { qos: 1, packetId: 1000 }), encodePingreq());
    expect(publisher.all('pingresp')).toHaveLength(1);
    expect(publisher.reasonFor(1000)).toBeNull();
  });

  it('is not closed for its keep-alive while it is not read, nor right after', () => {
    const { broker, subscriber, publisher, publish } = scene();
    publish(publisher, 10);
    expect(publisher.transport.paused).toBe(true);
    broker.advance(60_000);
    expect(publisher.closed).toBe(false);
    subscriber.transport.pace = 10_000;
    broker.settle();
    broker.advance(2500);
    expect(publisher.closed).toBe(false);
    broker.advance(1000);
    expect(publisher.closed).toBe(true);
  });

  it('goes on below the low-water mark: everything arrives, in order, acknowledged in order', () => {
    const { broker, subscriber, publisher, publish } = scene();
    publish(publisher, 75);
    subscriber.transport.pace = 700;
    broker.settle();
    expect(subscriber.take()).toEqual(Array.from({ length: 100 }, (_, i) => payload(i)));
    expect(publisher.all('puback').map((ack) => ack.packetId)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(publisher.transport.paused).toBe(false);
    expect(broker.broker.flow).toMatchObject({ closed: false, heldBytes: 0, waitingPublishers: 0 });
  });

  it('does not go on before that', () => {
    const { broker, subscriber, publisher, publish } = scene();
    publish(publisher, 20);
    const before = publisher.all('puback').length;
    subscriber.transport.pace = 1000;
    while (broker.broker.flow.heldBytes > 10_000) {
      expect(publisher.all('puback')).toHaveLength(before);
      broker.step();
    }
    broker.settle();
    expect(publisher.all('puback').length).toBe(45);
  });

  it('loses nothing that it said before it left', () => {
    const { broker, subscriber, publisher } = scene({ publisherBufferBytes: 50_000 });
    publisher.disconnect();
    expect(publisher.closed).toBe(false);
    subscriber.transport.pace = 5000;
    broker.settle();
    expect(publisher.closed).toBe(true);
    expect(broker.broker.clients.find('default', 'p')).toBeNull();
    expect(subscriber.take()).toEqual(Array.from({ length: 25 }, (_, i) => payload(i)));
  });

  it('loses nothing that was read when its connection breaks', () => {
    const { broker, subscriber, publisher } = scene({ publisherBufferBytes: 50_000 });
    publisher.hangUp();
    subscriber.transport.pace = 5000;
    broker.settle();
    expect(subscriber.take()).toEqual(Array.from({ length: 25 }, (_, i) => payload(i)));
    expect(broker.broker.flow.waitingPublishers).toBe(0);
  });

  it('shares the room with the others: every publisher gets on', () => {
    const { broker, subscriber, publisher, publish } = scene();
    const others = ['q', 'r'].map((id) => broker.client(id));
    for (let i = 0; i < 20; i++) for (const client of [publisher, ...others]) publish(client, 1);
    subscriber.transport.pace = 3000;
    broker.settle();
    expect(subscriber.take()).toHaveLength(85);
    expect(others.map((client) => client.all('puback').length)).toEqual([20, 20]);
  });

  it('does not go wrong over a bad packet among those that wait', () => {
    const { broker, subscriber, publisher } = scene({ publisherBufferBytes: 50_000 });
    publisher.send(publishPacket(5, 't', payload(0), { qos: 1, packetId: 900, properties: { topicAlias: 99 } }));
    expect(publisher.closed).toBe(false);
    subscriber.transport.pace = 5000;
    broker.settle();
    expect(publisher.disconnectReason).toBe(0x94);
    expect(subscriber.take()).toHaveLength(25);
  });
});

describe('no deadlock', () => {
  it('between a publisher that is also a slow subscriber and its own acknowledgements', () => {
    const broker = new TestBroker(OPTIONS);
    const client = broker.client('a');
    client.subscribe('t', 1);
    client.transport.pace = 50;
    for (let i = 0; i < 200; i++) client.transport.send(publishPacket(5, 't', payload(i), { qos: 1, packetId: i + 1 }));
    broker.settle();
    expect(client.take()).toEqual(Array.from({ length: 200 }, (_, i) => payload(i)));
    expect(client.all('puback')).toHaveLength(200);
    expect(broker.session('a')?.state.inFlight).toBe(0);
  });

  it('between two that each fill the other up', () => {
    const broker = new TestBroker(OPTIONS);
    const clients = ['a', 'b'].map((id) => broker.client(id));
    clients[0]?.subscribe('to/a', 2);
    clients[1]?.subscribe('to/b', 2);
    for (const client of clients) client.transport.pace = 200;
    for (let i = 0; i < 100; i++) {
      for (const [j, client] of clients.entries()) {
        const topic = j === 0 ? 'to/b' : 'to/a';
        client.transport.send(publishPacket(5, topic, payload(i), { qos: 2, packetId: i + 1 }));
      }
    }
    broker.settle();
    for (const client of clients) {
      expect(client.take()).toEqual(Array.from({ length: 100 }, (_, i) => payload(i)));
      expect(client.all('pubcomp')).toHaveLength(100);
    }
  });

  it('with a client that does not read before all it sends is taken: a stall lets its publishes through', () => {
    const broker = new TestBroker({ ...OPTIONS, stallAfterMs: 1000 });
    const client = broker.client('a');
    client.subscribe('t', 1);
    client.transport.pace = 0;
    for (let i = 0; i < 200; i++) client.transport.send(publishPacket(5, 't', payload(i), { qos: 1, packetId: i + 1 }));
    broker.settle();
    expect(client.transport.unreadBytes).toBeGreaterThan(0);
    broker.advance(1500);
    expect(client.transport.unreadBytes).toBe(0);
    client.transport.pace = 10_000;
    broker.settle();
    expect(client.take()).toHaveLength(200);
    expect(client.all('puback')).toHaveLength(200);
  });
});
