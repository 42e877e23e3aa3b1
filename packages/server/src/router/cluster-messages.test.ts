import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestCluster } from '../testing/test-cluster.ts';

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);

describe('messages between nodes', () => {
  it('reach subscribers of other nodes once, at every QoS, in order', async () => {
    const world = await TestCluster.of(3);
    const [a, b, c] = world.nodes;
    const near = a!.client('near');
    const far = b!.client('far');
    const other = c!.client('other', { version: 4 });
    near.subscribe('t/#', 2);
    far.subscribe('t/#', 2);
    far.subscribe('t/+', 1);
    other.subscribe('t/1', 1);
    await world.settle();
    const publisher = a!.client('publisher');
    for (const qos of [0, 1, 2] as const) {
      for (let i = 0; i < 3; i++) publisher.publish('t/1', `${qos}-${i}`, { qos });
    }
    await world.settle();
    const expected = ['0-0', '0-1', '0-2', '1-0', '1-1', '1-2', '2-0', '2-1', '2-2'];
    for (const client of [near, far, other]) expect(client.take()).toEqual(expected);
  });

  it('go to a node once, however many subscribers it has there', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const clients = numbers(20).map((id) => b!.client(id));
    for (const client of clients) client.subscribe('t', 1);
    await world.settle();
    const before = a!.cluster.link(b!.nodeId)!.info().framesOut;
    a!.client('publisher').publish('t', 'x', { qos: 1 });
    await world.settle();
    for (const client of clients) expect(client.take()).toEqual(['x']);
    // The message, and what the publisher's own coming has to say.
    expect(a!.cluster.link(b!.nodeId)!.info().framesOut - before).toBeLessThanOrEqual(3);
  });

  it('are not sent where nobody wants them, nor any further than one node', async () => {
    const world = await TestCluster.of(3);
    const [a, b, c] = world.nodes;
    b!.client('b').subscribe('wanted', 1);
    const everything = c!.client('c');
    everything.subscribe('other/#', 1);
    await world.settle();
    a!.client('publisher').publish('wanted', 'x', { qos: 1 });
    await world.settle();
    expect(everything.take()).toEqual([]);
    expect(b!.cluster.link(c!.nodeId)!.info().heldBytes).toBe(0);
  });

  it('never cross from one realm to another', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const ours = b!.client('same', { username: 'one' });
    const theirs = b!.client('same', { username: 'two' });
    ours.subscribe('#', 1);
    theirs.subscribe('#', 1);
    await world.settle();
    a!.client('publisher', { username: 'one' }).publish('t', 'secret', { qos: 1, retain: true });
    await world.settle();
    expect(ours.take()).toEqual(['secret']);
    expect(theirs.take()).toEqual([]);
    const late = b!.client('late', { username: 'two' });
    late.subscribe('#', 1);
    await world.settle();
    expect(late.take()).toEqual([]);
  });

  it('are acknowledged when the other node has answered, and not before', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const subscriber = b!.client('subscriber');
    subscriber.subscribe('t', 1);
    await world.settle();
    const publisher = a!.client('publisher');
    world.hub.freeze(a!.nodeId, b!.nodeId);
    const packetId = publisher.publish('t', 'x', { qos: 1 });
    await world.settle();
    expect(publisher.reasonFor(packetId)).toBeNull();
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(50);
    expect(publisher.reasonFor(packetId)).toBe(Reason.Success);
    expect(subscriber.take()).toEqual(['x']);
  });

  it('whose subscribers are on a node that is down keep no publisher waiting', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    b!.client('subscriber').subscribe('t', 1);
    await world.settle();
    const publisher = a!.client('publisher');
    world.hub.freeze(a!.nodeId, b!.nodeId);
    const packetId = publisher.publish('t', 'x', { qos: 1 });
    await world.advance(2500);
    expect(publisher.reasonFor(packetId)).toBeNull();
    world.hub.cut(a!.nodeId, b!.nodeId);
    await world.advance(3500);
    expect(publisher.reasonFor(packetId)).toBe(Reason.Success);
    expect(a!.cluster.members().find(({ nodeId }) => nodeId === b!.nodeId)?.state).toBe('down');
    expect(a!.cluster.interest.filters(b!.nodeId)).toBe(0);
  });

  it('are resent, once each and in order, after a channel is lost and another found', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const subscriber = b!.client('subscriber');
    subscriber.subscribe('t', 1);
    await world.settle();
    const publisher = a!.client('publisher');
    for (const text of numbers(5)) publisher.publish('t', text, { qos: 1 });
    world.hub.cut(a!.nodeId, b!.nodeId);
    const late = publisher.publish('t', 'm5', { qos: 1 });
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(1000);
    expect(subscriber.take()).toEqual(numbers(6));
    expect(publisher.reasonFor(late)).toBe(Reason.Success);
    expect(a!.cluster.link(b!.nodeId)!.info().losses).toBe(1);
  });

  it('that a full queue on the other node refuses are refused to their publisher', async () => {
    const world = await TestCluster.of(2, { maxQueuedMessages: 2, maxInFlight: 1 });
    const [a, b] = world.nodes;
    const slow = b!.client('slow', { autoAck: false });
    slow.subscribe('t', 1);
    await world.settle();
    const publisher = a!.client('publisher');
    const reasons: (number | null)[] = [];
    for (let i = 0; i < 4; i++) {
      const packetId = publisher.publish('t', `${i}`, { qos: 1 });
      await world.advance(50);
      reasons.push(publisher.reasonFor(packetId));
    }
    expect(reasons).toEqual([0, 0, 0, Reason.QuotaExceeded]);
  });

  it('of a publisher wait when the other node does not keep up, and those to others do not', async () => {
    const world = await TestCluster.of(3, { linkHeldBytes: 64 * 1024, maxPacketBytes: 16 * 1024 });
    const [a, b, c] = world.nodes;
    const stuck = b!.client('stuck');
    stuck.subscribe('slow', 1);
    const quick = c!.client('quick');
    quick.subscribe('quick', 1);
    await world.settle();
    world.hub.freeze(a!.nodeId, b!.nodeId);
    const slowly = a!.client('slowly');
    const quickly = a!.client('quickly');
    const payload = 'x'.repeat(8 * 1024);
    for (let i = 0; i < 50; i++) slowly.publish('slow', payload, { qos: 1 });
    await world.settle();
    const held = a!.cluster.link(b!.nodeId)!.info().heldBytes;
    expect(held).toBeGreaterThan(64 * 1024);
    expect(held).toBeLessThan(64 * 1024 + 2 * 9 * 1024);
    for (const text of numbers(10)) quickly.publish('quick', text, { qos: 1 });
    await world.settle();
    expect(quick.take()).toEqual(numbers(10));
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(500);
    expect(stuck.take()).toHaveLength(50);
  });
});

describe('shared subscriptions of several nodes', () => {
  it('give each message to one member, in proportion to the members of each node', async () => {
    const world = await TestCluster.of(3);
    const members = [0, 1, 1, 2, 2, 2].map((node, i) => world.nodes[node]!.client(`member-${i}`));
    for (const member of members) member.subscribe('$share/g/t', 1);
    await world.settle();
    const publisher = world.nodes[0]!.client('publisher');
    for (const text of numbers(60)) publisher.publish('t', text, { qos: 1 });
    await world.settle();
    const got = members.map((member) => member.take());
    expect(got.map(({ length }) => length)).toEqual([10, 10, 10, 10, 10, 10]);
    expect(got.flat().sort()).toEqual(numbers(60).sort());
  });

  it('prefer members of the publisher’s node when told to', async () => {
    const world = await TestCluster.of(2, { sharedLocalFirst: true });
    const [a, b] = world.nodes;
    const near = a!.client('near');
    const far = b!.client('far');
    for (const member of [near, far]) member.subscribe('$share/g/t', 1);
    await world.settle();
    const publisher = a!.client('publisher');
    for (const text of numbers(6)) publisher.publish('t', text, { qos: 1 });
    near.disconnect();
    await world.settle();
    for (const text of numbers(6)) publisher.publish('t', `late-${text}`, { qos: 1 });
    await world.settle();
    expect(near.take()).toEqual(numbers(6));
    expect(far.take()).toEqual(numbers(6).map((text) => `late-${text}`));
  });

  it('give nothing to a member without a connection while another node has one with', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const away = a!.client('away', { cleanStart: false, properties: { sessionExpiryIntervalS: 600 } });
    away.subscribe('$share/g/t', 1);
    const there = b!.client('there');
    there.subscribe('$share/g/t', 1);
    away.hangUp();
    await world.settle();
    const publisher = a!.client('publisher');
    for (const text of numbers(8)) publisher.publish('t', text, { qos: 1 });
    await world.settle();
    expect(there.take()).toEqual(numbers(8));
  });

  it('hand what a lost member had not acknowledged to a member on another node', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const holding = b!.client('holding', { autoAck: false });
    holding.subscribe('$share/g/t', 1);
    await world.settle();
    const publisher = a!.client('publisher');
    for (const text of numbers(3)) publisher.publish('t', text, { qos: 1 });
    await world.settle();
    const other = a!.client('other');
    other.subscribe('$share/g/t', 1);
    await world.settle();
    holding.hangUp();
    await world.settle();
    expect(other.take()).toEqual(numbers(3));
  });

  it('give a message to another node’s member when the node that had it goes down', async () => {
    const world = await TestCluster.of(3);
    const [a, b, c] = world.nodes;
    b!.client('b').subscribe('$share/g/t', 1);
    const other = c!.client('c');
    other.subscribe('$share/g/t', 1);
    await world.settle();
    world.hub.freeze(a!.nodeId, b!.nodeId);
    const publisher = a!.client('publisher');
    const packetIds = numbers(4).map((text) => publisher.publish('t', text, { qos: 1 }));
    await world.settle();
    world.hub.cut(a!.nodeId, b!.nodeId);
    await world.advance(4000);
    expect(other.take().sort()).toEqual(numbers(4));
    expect(packetIds.map((packetId) => publisher.reasonFor(packetId))).toEqual([0, 0, 0, 0]);
  });
});

describe('retained messages', () => {
  it('are known on every node, and so is that they are gone', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    a!.client('publisher').publish('t', 'kept', { qos: 1, retain: true });
    await world.settle();
    const reader = b!.client('reader');
    reader.subscribe('t', 1);
    await world.settle();
    expect(reader.take()).toEqual(['kept']);
    reader.publish('t', '', { qos: 0, retain: true });
    await world.settle();
    const late = a!.client('late');
    late.subscribe('t', 1);
    await world.settle();
    expect(late.take()).toEqual([]);
  });

  it('are told to a node that comes later, deletions too', async () => {
    const world = await TestCluster.of(1);
    const publisher = world.nodes[0]!.client('publisher');
    for (let i = 0; i < 500; i++) publisher.publish(`t/${i}`, `${i}`, { qos: 0, retain: true });
    publisher.publish('t/7', '', { retain: true });
    const joined = await world.add();
    await world.advance(200);
    const reader = joined.client('reader');
    reader.subscribe('t/#', 0);
    await world.advance(500);
    expect(reader.take()).toHaveLength(499);
  });

  it('of a node that was apart: the later one of a topic wins on both sides', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    world.hub.cut(a!.nodeId, b!.nodeId);
    await world.advance(5000);
    a!.client('pa').publish('t', 'earlier', { qos: 1, retain: true });
    a!.client('pa2').publish('gone', 'earlier', { qos: 1, retain: true });
    await world.advance(100);
    b!.client('pb').publish('t', 'later', { qos: 1, retain: true });
    b!.client('pb2').publish('gone', '', { qos: 1, retain: true });
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(15_000);
    for (const node of world.nodes) {
      const reader = node.client(`reader-${node.nodeId}`);
      reader.subscribe('#', 1);
      await world.settle();
      expect(reader.take()).toEqual(['later']);
    }
  });
});

describe('a client id', () => {
  it('has one connection in the cluster: the newer one', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const first = a!.client('same');
    const bystander = a!.client('bystander');
    await world.settle();
    const second = b!.client('same', { cleanStart: false });
    await world.settle();
    expect(first.disconnectReason).toBe(Reason.SessionTakenOver);
    expect(first.closed).toBe(true);
    expect([second.closed, bystander.closed]).toEqual([false, false]);
    // The session's state stays with its node.
    expect(second.sessionPresent).toBe(false);
  });

  it('that was connected on two sides of a partition keeps the later connection', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    world.hub.cut(a!.nodeId, b!.nodeId);
    await world.advance(5000);
    const earlier = b!.client('same');
    await world.advance(1000);
    const later = a!.client('same');
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(15_000);
    expect([earlier.disconnectReason, later.closed]).toEqual([Reason.SessionTakenOver, false]);
  });

  it('in another realm is another client', async () => {
    const world = await TestCluster.of(2);
    const first = world.nodes[0]!.client('same', { username: 'one' });
    await world.settle();
    const second = world.nodes[1]!.client('same', { username: 'two' });
    await world.settle();
    expect([first.closed, second.closed]).toEqual([false, false]);
  });
});

describe('what another node sends', () => {
  it('that is no message closes the link with a reason, and nothing else happens', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const client = b!.client('client');
    client.subscribe('#', 1);
    await world.settle();
    const reasons: string[] = [];
    a!.cluster.onMember(({ kind }) => reasons.push(kind));
    a!.cluster.link(b!.nodeId)!.held(64, Buffer.from([0xff, 0xff]), Buffer.alloc(0), { meet: () => {} }, 0);
    await world.advance(5000);
    expect(client.closed).toBe(false);
    expect(reasons).toContain('joined');
  });
});
