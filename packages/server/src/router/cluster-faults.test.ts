import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { clusterView } from '../node/cluster-views.ts';
import { FrameType } from '../peer/frame-types.ts';
import { TestCluster, type TestNode } from '../testing/test-cluster.ts';

const HOUR_MS = 60 * 60 * 1000;
const AWAY = { cleanStart: false, properties: { sessionExpiryIntervalS: 600 } };
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);

/** From here on `to` waits for what `from` sends, and so the other way round. */
const loseLink = async (world: TestCluster, from: TestNode, to: TestNode): Promise<void> => {
  world.hub.cut(from.nodeId, to.nodeId);
  await world.advance(4000);
};

/** What `node` does while its clock is ahead; the others hear of it when it is right again. */
const ahead = async (world: TestCluster, node: TestNode, aheadMs: number, act: () => void): Promise<void> => {
  const { clock } = world;
  const { wallMs } = clock;
  const others = world.nodes.filter((other) => other !== node);
  for (const other of others) world.hub.freeze(node.nodeId, other.nodeId);
  clock.wallMs = () => wallMs.call(clock) + aheadMs;
  act();
  await world.settle();
  clock.wallMs = wallMs;
  for (const other of others) world.hub.heal(node.nodeId, other.nodeId);
  await world.advance(50);
};

const retainedOn = async (world: TestCluster, node: TestNode, filter = '#'): Promise<string[]> => {
  const reader = node.client(`reader-${world.clock.now()}-${node.nodeId}`);
  reader.subscribe(filter, 1);
  await world.settle();
  const got = reader.take();
  reader.disconnect();
  await world.settle();
  return got;
};

describe('a QoS 2 packet id', () => {
  it('is free again when another node has refused its message: the next message under it is not taken for the same', async () => {
    const world = await TestCluster.of(2, { maxQueuedMessages: 1, maxInFlight: 1 });
    const [a, b] = world.nodes;
    const slow = b!.client('slow', { autoAck: false });
    slow.subscribe('full', 1);
    const quick = b!.client('quick');
    quick.subscribe('free', 2);
    await world.settle();
    const publisher = a!.client('publisher');
    publisher.publish('full', '0', { qos: 1 });
    publisher.publish('full', '1', { qos: 1 });
    await world.settle();
    const packetId = publisher.publish('full', 'refused', { qos: 2 });
    await world.settle();
    expect(publisher.reasonFor(packetId)).toBe(Reason.QuotaExceeded);
    publisher.publish('free', 'another', { qos: 2, packetId });
    await world.settle();
    expect(publisher.reasonFor(packetId)).toBe(Reason.Success);
    expect(quick.take()).toEqual(['another']);
  });
});

describe('a shared message that comes back', () => {
  it('is refused to its publisher when the members that are left have no room for it', async () => {
    const world = await TestCluster.of(2, { maxQueuedMessages: 1, maxInFlight: 1 });
    const [a, b] = world.nodes;
    const full = a!.client('full', { autoAck: false });
    full.subscribe('own', 1);
    const publisher = a!.client('publisher');
    for (const text of numbers(2)) publisher.publish('own', text, { qos: 1 });
    b!.client('far').subscribe('$share/g/t', 1);
    await world.settle();
    world.hub.freeze(a!.nodeId, b!.nodeId);
    const packetId = publisher.publish('t', 'x', { qos: 1 });
    await world.settle();
    full.subscribe('$share/g/t', 1);
    await loseLink(world, a!, b!);
    expect(publisher.reasonFor(packetId)).toBe(Reason.QuotaExceeded);
  });

  it('comes alone: the other shared subscriptions on its topic have theirs already', async () => {
    const world = await TestCluster.of(3);
    const [a, b, c] = world.nodes;
    const gone = b!.client('gone');
    gone.subscribe('$share/one/t', 1);
    const stays = b!.client('stays');
    stays.subscribe('$share/two/t', 1);
    await world.settle();
    world.hub.freeze(a!.nodeId, b!.nodeId);
    const publisher = a!.client('publisher');
    const packetId = publisher.publish('t', 'x', { qos: 1 });
    await world.settle();
    gone.unsubscribe('$share/one/t');
    const others = ['one', 'two'].map((group) => {
      const other = c!.client(group);
      other.subscribe(`$share/${group}/t`, 1);
      return other;
    });
    await world.settle();
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(200);
    expect(publisher.reasonFor(packetId)).toBe(Reason.Success);
    expect([gone, stays, ...others].map((client) => client.take())).toEqual([[], ['x'], ['x'], []]);
  });

  it('after its publisher has had an answer, stays where it was when nobody elsewhere has room', async () => {
    const world = await TestCluster.of(2, { maxQueuedMessages: 4, maxInFlight: 1 });
    const [a, b] = world.nodes;
    const holding = a!.client('holding', { ...AWAY, autoAck: false });
    holding.subscribe('$share/g/t', 1);
    const publisher = a!.client('publisher');
    for (const text of numbers(4)) publisher.publish('t', text, { qos: 1 });
    await world.settle();
    const full = b!.client('full', { autoAck: false });
    full.subscribe('own', 1);
    for (const text of numbers(5)) publisher.publish('own', text, { qos: 1 });
    full.subscribe('$share/g/t', 1);
    await world.settle();
    holding.hangUp();
    await world.settle();
    const back = a!.client('holding', AWAY);
    await world.settle();
    expect(back.take()).toEqual(numbers(4));
  });

  it('of a session that ends goes to a member without a connection on another node', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const away = b!.client('away', AWAY);
    away.subscribe('$share/g/t', 1);
    const ending = a!.client('ending', { autoAck: false });
    ending.subscribe('$share/g/t', 1);
    away.hangUp();
    await world.settle();
    const publisher = a!.client('publisher');
    for (const text of numbers(3)) publisher.publish('t', text, { qos: 1 });
    await world.settle();
    ending.hangUp();
    await world.settle();
    const back = b!.client('away', AWAY);
    await world.settle();
    expect(back.take()).toEqual(numbers(3));
  });

  it('crosses a link that is full: it was acknowledged', async () => {
    const world = await TestCluster.of(2, { linkHeldBytes: 64 * 1024 });
    const [a, b] = world.nodes;
    const holding = a!.client('holding', { autoAck: false });
    holding.subscribe('$share/g/t', 1);
    const publisher = a!.client('publisher');
    for (const text of numbers(3)) publisher.publish('t', text, { qos: 1 });
    const there = b!.client('there');
    there.subscribe('$share/g/t', 1);
    there.subscribe('much', 1);
    await world.settle();
    world.hub.freeze(a!.nodeId, b!.nodeId);
    for (let i = 0; i < 5; i++) publisher.publish('much', 'x'.repeat(20_000), { qos: 1 });
    await world.settle();
    expect(a!.cluster.link(b!.nodeId)!.isFull).toBe(true);
    holding.hangUp();
    await world.settle();
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(200);
    expect(there.take().filter((text) => text.length < 5)).toEqual(numbers(3));
  });
});

describe('members of a shared subscription at QoS 0 without a connection', () => {
  it('refuse nothing, and take no turns from those that messages are kept for', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const nothingKept = a!.client('nothing-kept', AWAY);
    nothingKept.subscribe('$share/g/t', 0);
    await world.settle();
    nothingKept.hangUp();
    await world.settle();
    const publisher = b!.client('publisher');
    const first = publisher.publish('t', 'to nobody', { qos: 1 });
    const kept = b!.client('kept', AWAY);
    kept.subscribe('$share/g/t', 1);
    kept.hangUp();
    await world.settle();
    const packetIds = numbers(4).map((text) => publisher.publish('t', text, { qos: 1 }));
    await world.settle();
    expect(
      [first, ...packetIds].map((packetId) => publisher.reasonFor(packetId)).every((reason) => reason! < 0x80),
    ).toBe(true);
    const back = b!.client('kept', AWAY);
    await world.settle();
    expect(back.take()).toEqual(numbers(4));
  });

  it('refuse nothing on a node that is alone either', async () => {
    const world = await TestCluster.of(1);
    const [node] = world.nodes;
    const away = node!.client('away', AWAY);
    away.subscribe('$share/g/t', 0);
    away.hangUp();
    const publisher = node!.client('publisher');
    expect(publisher.reasonFor(publisher.publish('t', 'x', { qos: 1 }))).toBeLessThan(0x80);
  });
});

describe('a topic that only the publisher’s node allows', () => {
  it('reaches subscribers of other nodes all the same, and is retained there', async () => {
    const world = await TestCluster.of(1, { maxTopicLevels: 200 });
    const [a] = world.nodes;
    const b = await world.add({ maxTopicLevels: 3 });
    const everything = b.client('everything');
    everything.subscribe('#', 1);
    await world.settle();
    a!.client('publisher').publish('1/2/3/4/5', 'deep', { qos: 1, retain: true });
    await world.settle();
    expect(everything.take()).toEqual(['deep']);
    expect(await retainedOn(world, b)).toEqual(['deep']);
  });
});

describe('a client id', () => {
  it('has one connection also where the clock of the node with the older one is ahead', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    // The second is too far ahead to be followed.
    for (const aheadMs of [HOUR_MS / 2, 10 * HOUR_MS]) {
      await ahead(world, a!, aheadMs, () => a!.client(`same-${aheadMs}`));
      const older = a!.messaging.broker.clients.find('default', `same-${aheadMs}`);
      expect(older).not.toBeNull();
      const newer = b!.client(`same-${aheadMs}`);
      await world.settle();
      expect([older!.connection.closed, newer.closed]).toEqual([true, false]);
    }
  });
});

describe('a retained message', () => {
  it('takes the place of one that was stamped by a clock far ahead, for good', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const client = a!.client('client');
    await ahead(world, a!, 100 * HOUR_MS, () => client.publish('t', 'of the future', { qos: 1, retain: true }));
    expect(await retainedOn(world, b!)).toEqual(['of the future']);
    b!.client('present').publish('t', 'of now', { qos: 1, retain: true });
    await world.advance(25_000);
    for (const node of world.nodes) expect(await retainedOn(world, node)).toEqual(['of now']);
  });

  it('whose time has run out does not let an older one come back', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    a!.client('pa').publish('t', 'older', { qos: 1, retain: true });
    await world.settle();
    await loseLink(world, a!, b!);
    a!.client('pa').publish('t', 'newer', { qos: 1, retain: true, properties: { messageExpiryIntervalS: 1 } });
    await world.advance(5000);
    world.hub.heal(a!.nodeId, b!.nodeId);
    await world.advance(15_000);
    for (const node of world.nodes) expect(await retainedOn(world, node)).toEqual([]);
  });
});

describe('a retained message at QoS 0 that a full link has dropped', () => {
  it('is told with the next digest, whichever of the two nodes says its own first', async () => {
    const options = { linkCreditBytes: 64 * 1024, linkQueueBytes: 64 * 1024 };
    const world = await TestCluster.of(1, options);
    await world.advance(5000);
    const b = await world.add(options);
    const [a] = world.nodes;
    b.client('bulk').subscribe('bulk', 0);
    await world.settle();
    world.hub.freeze(a!.nodeId, b.nodeId);
    const publisher = a!.client('publisher');
    publisher.publish('bulk', 'x'.repeat(100_000));
    publisher.publish('t', 'x'.repeat(70_000), { retain: true });
    await world.settle();
    world.hub.heal(a!.nodeId, b.nodeId);
    await world.advance(1000);
    expect(await retainedOn(world, b)).toEqual([]);
    // One round to see that they differ, one to see that they still do.
    await world.advance(4500);
    expect(await retainedOn(world, b)).toHaveLength(1);
  });
});

describe('a node that has left its cluster', () => {
  it('goes on alone, and shows itself so', async () => {
    const world = await TestCluster.of(2, { linkHeldBytes: 64 * 1024 });
    const [a, b] = world.nodes;
    const far = b!.client('far');
    far.subscribe('t', 1);
    const near = a!.client('near');
    near.subscribe('t', 1);
    await world.settle();
    const view = clusterView('test', a!.cluster);
    expect([view.name, view.members().length]).toEqual(['test', 2]);
    // The link is full, and a publisher waits for it.
    world.hub.freeze(a!.nodeId, b!.nodeId);
    const publisher = a!.client('publisher');
    for (let i = 0; i < 5; i++) publisher.publish('t', 'x'.repeat(30_000), { qos: 1 });
    const waiting = publisher.publish('t', 'waits', { qos: 1 });
    const left = view.leave();
    await world.advance(100);
    expect(view.members()[0]!.state).toBe('leaving');
    expect(publisher.reasonFor(waiting)).toBeNull();
    await world.advance(6000);
    await left;
    expect([view.name, view.members().map(({ state }) => state)]).toEqual([null, ['up']]);
    expect(publisher.reasonFor(waiting)).toBe(Reason.Success);
    expect(near.take()).toHaveLength(6);
    const packetId = publisher.publish('t', 'alone', { qos: 2, retain: true });
    await world.advance(20_000);
    expect(publisher.reasonFor(packetId)).toBe(Reason.Success);
    expect(near.take()).toEqual(['alone']);
  });
});

describe('a digest of retained messages that is none', () => {
  it('closes the link with a reason, and harms nothing else', async () => {
    const world = await TestCluster.of(2);
    const [a, b] = world.nodes;
    const kinds: string[] = [];
    a!.cluster.onMember(({ kind }) => kinds.push(kind));
    b!.cluster.link(a!.nodeId)!.control(FrameType.RetainedDigest, Buffer.from([1, 2]));
    await world.advance(5000);
    expect(kinds).toEqual(['down', 'joined']);
  });
});
