import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import type { TestClient } from './testing/test-client.ts';
import { type MeshNode, TestMesh } from './testing/test-mesh.ts';

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);

let clients = 0;

function subscriber(node: MeshNode, filter: string, qos: 0 | 1 | 2 = 1, username?: string): TestClient {
  clients++;
  const client = node.client(`subscriber ${clients}`, username === undefined ? {} : { username });
  client.subscribe(filter, qos);
  return client;
}

describe('messages across the mesh', () => {
  it('reach exact and wildcard subscribers that were there before, of a topic that nobody has published on', async () => {
    const mesh = await TestMesh.of(5);
    const [a, b, c, d, e] = mesh.nodes;
    const wanted = [subscriber(b!, 'plant/1/heat'), subscriber(c!, 'plant/+/heat'), subscriber(d!, '#')];
    const others = [subscriber(e!, 'plant/1'), subscriber(e!, 'plant/2/#')];
    await mesh.advance(2000);
    const publisher = a!.client('publisher');
    for (const qos of [0, 1, 2] as const) {
      for (let i = 0; i < 3; i++) publisher.publish('plant/1/heat', `${qos}-${i}`, { qos });
    }
    await mesh.advance(1000);
    const all = ['0-0', '0-1', '0-2', '1-0', '1-1', '1-2', '2-0', '2-1', '2-2'];
    for (const client of wanted) expect(client.take()).toEqual(all);
    for (const client of others) expect(client.take()).toEqual([]);
  });

  it('reach a subscriber that comes later, within a second, and no longer one that has gone', async () => {
    const mesh = await TestMesh.of(3);
    const [a, b] = mesh.nodes;
    const publisher = a!.client('publisher');
    publisher.publish('a/b', 'nobody', { qos: 1 });
    await mesh.advance(10_000);
    const late = subscriber(b!, 'a/+');
    await mesh.advance(1000);
    publisher.publish('a/b', 'one', { qos: 1 });
    await mesh.settle();
    expect(late.take()).toEqual(['one']);
    late.unsubscribe('a/+');
    await mesh.settle();
    expect(a!.meshing!.mesh.route('default', 'a/b').peers).toEqual([]);
    // A second filter under a key that is advertised already.
    late.subscribe('a/b', 1);
    await mesh.advance(1500);
    late.subscribe('a/b/#', 1);
    publisher.publish('a/b', 'two', { qos: 1 });
    await mesh.settle();
    expect(late.take()).toEqual(['two']);
  });

  it('are acknowledged when the other node has dealt with them, with nobody there too', async () => {
    const mesh = await TestMesh.of(2);
    const [a, b] = mesh.nodes;
    const publisher = a!.client('publisher');
    const first = publisher.publish('t', 'x', { qos: 1 });
    expect(publisher.reasonFor(first)).toBe(null);
    await mesh.advance(1000);
    expect(publisher.reasonFor(first)).toBe(Reason.Success);
    const receiver = subscriber(b!, 't');
    await mesh.advance(1000);
    mesh.hub.freeze(a!.nodeId, b!.nodeId);
    const second = publisher.publish('t', 'y', { qos: 1 });
    await mesh.settle();
    expect(publisher.reasonFor(second)).toBe(null);
    mesh.hub.heal(a!.nodeId, b!.nodeId);
    await mesh.settle();
    expect(publisher.reasonFor(second)).toBe(Reason.Success);
    expect(receiver.take()).toEqual(['y']);
  });

  it('stay within their realm, and within the cluster where it is not federated', async () => {
    const mesh = new TestMesh();
    const both = { realms: { one: {}, two: {} } };
    const [a, b, c] = [await mesh.add(both), await mesh.add(both), await mesh.add({ realms: { two: {} } })];
    const right = subscriber(b, '#', 1, 'one');
    const wrong = [subscriber(b, '#', 1, 'two'), subscriber(c, '#', 1, 'one'), subscriber(c, '#', 1, 'two')];
    const local = [subscriber(b, '#', 1, 'three')];
    await mesh.advance(2000);
    a.client('publisher', { username: 'one' }).publish('t', 'x', { qos: 1 });
    a.client('other', { username: 'three' }).publish('t', 'y', { qos: 1 });
    await mesh.advance(1000);
    expect(right.take()).toEqual(['x']);
    for (const client of [...wrong, ...local]) expect(client.take()).toEqual([]);
    expect(c.meshing!.links.peers().flatMap(({ realms }) => realms)).not.toContain('one');
  });

  it('go once to a cluster, whichever of its nodes was found, and reach all of its members that want them', async () => {
    const mesh = new TestMesh();
    const [a, b, c, d] = [
      await mesh.add({ cluster: 'left' }),
      await mesh.add({ cluster: 'left' }),
      await mesh.add({ cluster: 'right' }),
      await mesh.add({ cluster: 'right' }),
    ];
    const receivers = [
      subscriber(b, 'x/#'),
      subscriber(c, 'x/#'),
      subscriber(c, 'x/+', 0),
      subscriber(d, 'x/y'),
      subscriber(d, '#'),
    ];
    await mesh.advance(2000);
    const publisher = a.client('publisher');
    for (const text of numbers(5)) publisher.publish('x/y', text, { qos: 1 });
    await mesh.advance(1000);
    for (const client of receivers) expect(client.take()).toEqual(numbers(5));
    expect(a.meshing!.mesh.route('default', 'x/y').peers).toHaveLength(1);
    for (const node of [c, d]) expect(node.messaging.beyond().duplicates).toBe(0);
    // One node speaks for each key.
    const speaking = [c, d].map(({ meshing }) =>
      meshing!.advertiser.list().filter(({ kind }) => kind === 'subscriber'),
    );
    const paths = speaking.flat().map(({ path }) => path);
    expect([...paths].sort()).toEqual(['', '/x', '/x/y']);
  });

  it('give a shared subscription one copy in each cluster', async () => {
    const mesh = new TestMesh();
    const a = await mesh.add();
    const [c, d] = [await mesh.add({ cluster: 'right' }), await mesh.add({ cluster: 'right' })];
    const members = [subscriber(c, '$share/g/t'), subscriber(d, '$share/g/t')];
    await mesh.advance(2000);
    const publisher = a.client('publisher');
    for (const text of numbers(10)) publisher.publish('t', text, { qos: 1 });
    await mesh.advance(1000);
    const taken = members.map((client) => client.take());
    expect(taken.flat().sort()).toEqual(numbers(10).sort());
    for (const one of taken) expect(one.length).toBeGreaterThan(0);
  });

  it('reach a cluster through another of its nodes when the one that spoke for it dies', async () => {
    const mesh = new TestMesh();
    const a = await mesh.add();
    const right = [await mesh.add({ cluster: 'right' }), await mesh.add({ cluster: 'right' })];
    const receivers = right.map((node) => subscriber(node, 't/#'));
    await mesh.advance(2000);
    const publisher = a.client('publisher');
    publisher.publish('t/1', 'before', { qos: 1 });
    await mesh.advance(1000);
    const [speaker] = a.meshing!.mesh.route('default', 't/1').peers;
    const died = right.findIndex(({ nodeId }) => nodeId === speaker);
    mesh.kill(right[died]!);
    const packetIds = numbers(5).map((text) => publisher.publish('t/1', text, { qos: 1 }));
    await mesh.advance(15_000);
    for (const packetId of packetIds) expect(publisher.reasonFor(packetId)).toBe(Reason.Success);
    publisher.publish('t/1', 'after', { qos: 1 });
    await mesh.advance(1000);
    const got = receivers[1 - died]!.take();
    expect(got[0]).toBe('before');
    expect(got.at(-1)).toBe('after');
    expect(got).toEqual([...new Set(got)]);
  });

  it('reach every member of a cluster when the one that took them dies before it has passed them on to all', async () => {
    const mesh = new TestMesh();
    const a = await mesh.add();
    const right: MeshNode[] = [];
    for (let i = 0; i < 3; i++) right.push(await mesh.add({ cluster: 'right' }));
    const receivers = right.map((node) => subscriber(node, 't/#'));
    await mesh.advance(2000);
    const publisher = a.client('publisher');
    publisher.publish('t/1', 'before', { qos: 1 });
    await mesh.advance(1000);
    const [speaker] = a.meshing!.mesh.route('default', 't/1').peers;
    const first = right.find(({ nodeId }) => nodeId === speaker)!;
    const [second, third] = right.filter((node) => node !== first);
    // It reaches the second, and not the third.
    mesh.hub.freeze(first.nodeId, third!.nodeId);
    const packetId = publisher.publish('t/1', 'one', { qos: 1 });
    await mesh.settle();
    mesh.kill(first);
    await mesh.advance(20_000);
    expect(publisher.reasonFor(packetId)).toBe(Reason.Success);
    for (const node of [second, third]) expect(receivers[right.indexOf(node!)]!.take()).toEqual(['before', 'one']);
  });

  it('do not go beyond what the token of the publishing node says, on either end', async () => {
    const mesh = new TestMesh();
    const a = await mesh.add({ realms: { default: { publish: ['allowed/#'] } } });
    const b = await mesh.add({ realms: { default: { subscribe: ['allowed/+', 'other'] } } });
    const receiver = subscriber(b, '#');
    receiver.subscribe('allowed/x', 1);
    receiver.subscribe('other', 1);
    receiver.subscribe('allowed/#', 1);
    await mesh.advance(2000);
    const publisher = a.client('publisher');
    for (const topic of ['allowed/x', 'allowed/y', 'other']) publisher.publish(topic, topic, { qos: 1 });
    await mesh.advance(1000);
    // `allowed/x` alone is within both: `#` and `allowed/#` are more than b may ask for.
    expect(receiver.take()).toEqual(['allowed/x']);
    expect(a.meshing!.links.remote.match('default', 'other')).toEqual([]);
  });

  it('end at once when a token is revoked, and go on with a new one', async () => {
    const mesh = await TestMesh.of(3);
    const [a, b, c] = mesh.nodes;
    const receiver = subscriber(b!, '#');
    await mesh.advance(2000);
    const publisher = a!.client('publisher');
    publisher.publish('t', 'one', { qos: 1 });
    await mesh.advance(1000);
    expect(receiver.take()).toEqual(['one']);
    // The third node hears of it, and tells the others.
    subscriber(c!, 't');
    await mesh.advance(2000);
    mesh.revoke('default', b!.nodeId, c!);
    await mesh.advance(10_000);
    publisher.publish('t', 'two', { qos: 1 });
    await mesh.advance(1000);
    expect(receiver.take()).toEqual([]);
    mesh.renew(b!, 'default');
    await mesh.advance(70_000);
    publisher.publish('t', 'three', { qos: 1 });
    await mesh.advance(1000);
    expect(receiver.take()).toEqual(['three']);
  });

  it('stop while the revocations that are known are too old, and go on when one node has a newer list', async () => {
    const mesh = await TestMesh.of(3);
    const [a, b, c] = mesh.nodes;
    const receiver = subscriber(b!, '#');
    mesh.revoke('default', null, c!, 60_000);
    subscriber(c!, 't');
    const publisher = a!.client('publisher');
    await mesh.advance(10_000);
    publisher.publish('t', 'one', { qos: 1 });
    await mesh.advance(10_000);
    expect(receiver.take()).toEqual(['one']);
    await mesh.advance(60_000);
    publisher.publish('t', 'two', { qos: 1 });
    await mesh.advance(1000);
    expect(receiver.take()).toEqual([]);
    mesh.revoke('default', null, c!);
    await mesh.advance(150_000);
    publisher.publish('t', 'three', { qos: 1 });
    await mesh.advance(1000);
    expect(receiver.take()).toEqual(['three']);
  });

  it('reach known subscribers while the directory is out of reach, and new ones when it is back', async () => {
    const mesh = await TestMesh.of(3);
    const [a, b, c] = mesh.nodes;
    const known = subscriber(b!, 't/#');
    await mesh.advance(2000);
    const publisher = a!.client('publisher');
    publisher.publish('t/1', 'one', { qos: 1 });
    await mesh.advance(1000);
    for (const { directory } of mesh.nodes) directory.isOutOfReach = true;
    const late = subscriber(c!, 't/#');
    await mesh.advance(5000);
    publisher.publish('t/1', 'two', { qos: 1 });
    publisher.publish('t/2', 'new topic', { qos: 1 });
    await mesh.advance(6000);
    expect(known.take()).toEqual(['one', 'two', 'new topic']);
    for (const { directory } of mesh.nodes) directory.isOutOfReach = false;
    await mesh.advance(90_000);
    publisher.publish('t/1', 'three', { qos: 1 });
    await mesh.advance(1000);
    expect(known.take()).toEqual(['three']);
    expect(late.take()).toEqual(['three']);
  });

  it('reach a subscriber whose node could not be reached when it came, with the first message after', async () => {
    const mesh = await TestMesh.of(2);
    const [a, b] = mesh.nodes;
    const publisher = a!.client('publisher');
    publisher.publish('t', 'nobody', { qos: 1 });
    await mesh.advance(2000);
    mesh.hub.cut(a!.nodeId, b!.nodeId);
    const late = subscriber(b!, 't');
    await mesh.advance(10_000);
    mesh.hub.heal(a!.nodeId, b!.nodeId);
    await mesh.advance(70_000);
    expect(a!.meshing!.mesh.wanting('default', 't')).toEqual([b!.nodeId]);
    publisher.publish('t', 'x', { qos: 1 });
    await mesh.advance(1000);
    expect(late.take()).toEqual(['x']);
  });

  it.each([
    ['its node', 1],
    ["the publisher's node", 0],
  ])('reach a subscriber as soon as %s, cut off for a while, has an address again', async (_, which) => {
    const mesh = await TestMesh.of(3);
    const [a, b] = mesh.nodes;
    const wanted = subscriber(b!, 't');
    await mesh.advance(2000);
    const publisher = a!.client('publisher');
    publisher.publish('t', 'one', { qos: 1 });
    await mesh.advance(1000);
    mesh.hub.cut(a!.nodeId, b!.nodeId);
    await mesh.advance(5000);
    // Found out by both: the one has something to send, the other something to tell.
    publisher.publish('t', 'lost', { qos: 1 });
    await mesh.advance(15_000);
    mesh.hub.heal(a!.nodeId, b!.nodeId);
    const cut = [a!, b!][which]!;
    cut.meshing!.mesh.moved();
    await mesh.advance(2000);
    publisher.publish('t', 'two', { qos: 1 });
    await mesh.advance(1000);
    expect(wanted.take()).toEqual(['one', 'two']);
  });

  it('do not tell the client id of their publisher', async () => {
    const mesh = await TestMesh.of(2);
    const [a, b] = mesh.nodes;
    const same = b!.client('same');
    same.subscribe('t', 1, { noLocal: true });
    await mesh.advance(2000);
    a!.client('same').publish('t', 'x', { qos: 1 });
    await mesh.advance(1000);
    expect(same.take()).toEqual(['x']);
  });

  it('arrive in order while subscribers come and go', async () => {
    const mesh = await TestMesh.of(4);
    const [a, ...others] = mesh.nodes;
    const publisher = a!.client('publisher');
    const receivers: TestClient[] = [];
    for (let i = 0; i < 60; i++) {
      if (i % 20 === 10) receivers.push(subscriber(others[receivers.length]!, i % 40 === 10 ? 't/#' : 't/1'));
      publisher.publish('t/1', `${i}`, { qos: 1 });
      await mesh.advance(50);
    }
    await mesh.advance(1000);
    for (const [index, client] of receivers.entries()) {
      const got = client.take().map(Number);
      expect(got).toEqual([...got].sort((x, y) => x - y));
      expect(new Set(got).size).toBe(got.length);
      expect(got.at(-1)).toBe(59);
      expect(got[0]).toBeLessThan(10 + 20 * index + 20);
    }
  });
});
