import { PacketType } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';
import type { TestClient } from '../testing/test-client.ts';

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 100 } };
const SHARE = '$share/g/t/#';

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);
const publishAll = (publisher: TestClient, count: number, qos: 0 | 1 | 2): void => {
  for (const payload of numbers(count)) publisher.publish('t/x', payload, { qos });
};

describe.each([4, 5] as const)('a shared subscription, v%i (MQTT 5.0 §4.8.2)', (version) => {
  it.each([0, 1, 2] as const)('gives each message at QoS %i to one member, in turn', (qos) => {
    const broker = new TestBroker();
    const members = ['a', 'b', 'c'].map((id) => broker.client(id, { version }));
    for (const member of members) expect(member.subscribe(SHARE, qos)).toEqual([qos]);
    publishAll(broker.client('p', { version }), 30, qos);
    const got = members.map((member) => member.take());
    expect(got.map((each) => each.length)).toEqual([10, 10, 10]);
    expect(got.flat().sort()).toEqual(numbers(30).sort());
  });

  it('balances the messages of one read too', () => {
    const broker = new TestBroker();
    const members = ['a', 'b'].map((id) => broker.client(id, { version }));
    for (const member of members) member.subscribe(SHARE, 0);
    const publisher = broker.client('p', { version });
    // One range of one read: a run.
    publisher.transport.send(Buffer.concat(numbers(10).map((payload) => publishBytes(publisher, payload))));
    broker.settle();
    expect(members.map((member) => member.take())).toEqual([
      ['0', '2', '4', '6', '8'],
      ['1', '3', '5', '7', '9'],
    ]);
  });
});

function publishBytes(client: TestClient, payload: string): Uint8Array {
  const topic = Buffer.from('t/x');
  const rest = client.version === 5 ? [0, ...Buffer.from(payload)] : [...Buffer.from(payload)];
  return Buffer.from([0x30, 2 + topic.length + rest.length, 0, topic.length, ...topic, ...rest]);
}

describe('a shared subscription', () => {
  it('counts apart from other groups and from plain subscriptions', () => {
    const broker = new TestBroker();
    const a = broker.client('a');
    const b = broker.client('b');
    a.subscribe('$share/g/t/#', 1);
    b.subscribe('$share/h/t/#', 1);
    b.subscribe('t/#', 1);
    broker.client('p').publish('t/x', 'm', { qos: 1 });
    expect(a.take()).toEqual(['m']);
    expect(b.take()).toEqual(['m', 'm']);
  });

  it('gives nothing to a member that has left', () => {
    const broker = new TestBroker();
    const [a, b] = [broker.client('a'), broker.client('b')];
    a.subscribe(SHARE, 1);
    b.subscribe(SHARE, 1);
    a.unsubscribe(SHARE);
    publishAll(broker.client('p'), 4, 1);
    expect([a.take(), b.take()]).toEqual([[], numbers(4)]);
    b.hangUp();
    expect(broker.broker.realms.get('default').group(SHARE)).toBeNull();
  });

  it('gives nothing to a member without a connection while another has one, and keeps it for one when none has', () => {
    const broker = new TestBroker();
    const away = broker.client('away', KEPT);
    const here = broker.client('here', KEPT);
    away.subscribe(SHARE, 1);
    here.subscribe(SHARE, 1);
    away.hangUp();
    const publisher = broker.client('p');
    publishAll(publisher, 4, 1);
    expect(here.take()).toEqual(numbers(4));
    here.hangUp();
    publisher.publish('t/x', 'later', { qos: 1 });
    const back = [broker.client('away', KEPT), broker.client('here', KEPT)];
    expect(back.flatMap((client) => client.take())).toEqual(['later']);
  });

  it('passes what a member had not acknowledged at QoS 1 on to another when it goes', () => {
    const broker = new TestBroker();
    const slow = broker.client('slow', { ...KEPT, autoAck: false });
    const other = broker.client('other');
    slow.subscribe(SHARE, 1);
    other.subscribe(SHARE, 1);
    publishAll(broker.client('p'), 6, 1);
    expect(slow.take()).toEqual(['0', '2', '4']);
    expect(other.take()).toEqual(['1', '3', '5']);
    slow.hangUp();
    broker.settle();
    expect(other.take()).toEqual(['0', '2', '4']);
    expect(broker.client('slow', KEPT).take()).toEqual([]);
    expect(broker.broker.context.queuedBytes.total).toBe(0);
  });

  it('leaves QoS 2 that is in flight with its session [MQTT-4.8.2-4] [MQTT-4.8.2-5]', () => {
    const broker = new TestBroker();
    const slow = broker.client('slow', { ...KEPT, autoAck: false });
    const other = broker.client('other');
    slow.subscribe(SHARE, 2);
    other.subscribe(SHARE, 2);
    publishAll(broker.client('p'), 2, 2);
    expect(slow.take()).toEqual(['0']);
    slow.hangUp();
    expect(other.take()).toEqual(['1']);
    expect(broker.client('slow', KEPT).take()).toEqual(['0']);
    // And to nobody when the session ends before it is back.
    const again = broker.client('slow', { ...KEPT, autoAck: false });
    again.hangUp();
    broker.advance(200_000);
    expect(other.take()).toEqual([]);
    expect(broker.broker.context.queuedBytes.total).toBe(0);
  });

  it('does not pass on what a member has refused [MQTT-4.8.2-6]', () => {
    const broker = new TestBroker();
    const refuses = broker.client('refuses', { autoAck: false });
    refuses.subscribe(SHARE, 1);
    broker.client('p').publish('t/x', 'm', { qos: 1 });
    const other = broker.client('other');
    other.subscribe(SHARE, 1);
    refuses.ack(PacketType.Puback, refuses.messages[0]!.packetId, 0x80);
    refuses.hangUp();
    expect(other.take()).toEqual([]);
  });

  it('gives the queue of a session that ends to another member', () => {
    const broker = new TestBroker();
    const away = broker.client('away', KEPT);
    away.subscribe(SHARE, 2);
    away.hangUp();
    publishAll(broker.client('p'), 3, 2);
    const other = broker.client('other');
    other.subscribe(SHARE, 2);
    broker.client('away').hangUp();
    expect(other.take()).toEqual(numbers(3));
  });

  it('goes to a member that keeps up rather than to one that does not', () => {
    const broker = new TestBroker({ maxInFlight: 2 });
    const stuck = broker.client('stuck', { autoAck: false });
    const quick = broker.client('quick');
    stuck.subscribe(SHARE, 1);
    quick.subscribe(SHARE, 1);
    publishAll(broker.client('p'), 20, 1);
    expect(stuck.take()).toHaveLength(2);
    expect(quick.take().length).toBeGreaterThanOrEqual(17);
  });

  it('refuses the publisher when no member has room', () => {
    const broker = new TestBroker({ maxQueuedMessages: 2, queueFull: 'reject' });
    const away = broker.client('away', KEPT);
    away.subscribe(SHARE, 1);
    away.hangUp();
    const publisher = broker.client('p');
    const reasons = numbers(4).map((payload) => publisher.reasonFor(publisher.publish('t/x', payload, { qos: 1 })));
    expect(reasons).toEqual([0, 0, 0x97, 0x97]);
  });

  it('gets no retained messages', () => {
    const broker = new TestBroker();
    broker.client('p').publish('t/x', 'kept', { qos: 1, retain: true });
    const member = broker.client('a');
    member.subscribe(SHARE, 1);
    expect(member.take()).toEqual([]);
  });

  it.each(['$share/g', '$share//t', '$share/g+/t', '$share/g/'])('is refused with a bad filter: %s', (filter) => {
    const broker = new TestBroker();
    expect(broker.client('a').subscribe(filter)).toEqual([0x8f]);
    expect(broker.client('b', { version: 4 }).subscribe(filter)).toEqual([0x80]);
  });
});
