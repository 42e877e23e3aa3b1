import { describe, expect, it } from 'vitest';
import type { NodeRealms } from '../auth/federation/node-realms.ts';
import { type MeshNode, TestMesh } from '../testing/test-mesh.ts';
import { NodeMesh } from './mesh-views.ts';

const viewOf = (mesh: TestMesh, node: MeshNode, meshJoin: readonly string[] = []): NodeMesh =>
  new NodeMesh({
    meshing: node.meshing!,
    directory: node.directory,
    messaging: node.messaging,
    realms: { problems: () => [] } satisfies Pick<NodeRealms, 'problems'>,
    nat: () => null,
    config: { meshJoin, lookupTimeoutMs: 5000 },
    clock: mesh.clock,
  });

function subscriber(node: MeshNode, ...filters: string[]): void {
  const client = node.client(`subscriber of ${filters.join()}`);
  for (const filter of filters) client.subscribe(filter, 1);
}

const kinds = (node: MeshNode): string[] => node.meshing!.advertiser.list().map(({ kind, path }) => `${kind} ${path}`);

describe('a search', () => {
  it('finds whoever wants a topic, and advertises nobody as its publisher', async () => {
    const mesh = await TestMesh.of(4);
    const [a, b, c, d] = mesh.nodes;
    subscriber(b!, 'x/y');
    subscriber(c!, 'x/+');
    subscriber(d!, 'x/z');
    await mesh.advance(2000);
    const view = viewOf(mesh, a!);
    const search = view.lookup('default', 'x/y');
    await mesh.advance(1000);
    const { keys, peers, mayPublish } = await search;
    expect(keys).toEqual([
      { path: '', isComplete: true, subscribers: [] },
      { path: '/x', isComplete: true, subscribers: [c!.nodeId] },
      { path: '/x/y', isComplete: true, subscribers: [b!.nodeId] },
    ]);
    expect([...peers].sort()).toEqual([b!.nodeId, c!.nodeId].sort());
    expect(mayPublish).toBe(true);
    expect(kinds(a!)).toEqual([]);
    // Nobody goes on telling it: what they want now, it does not hear.
    await mesh.advance(1000);
    subscriber(b!, 'x/y/#');
    await mesh.advance(1000);
    expect(a!.meshing!.links.remote.match('default', 'x/y/z')).toEqual([]);
  });

  it('leaves what is published here as it is', async () => {
    const mesh = await TestMesh.of(2);
    const [a, b] = mesh.nodes;
    const view = viewOf(mesh, a!);
    a!.client('publisher').publish('x/y', 'first', { qos: 0 });
    await mesh.advance(2000);
    subscriber(b!, 'x/y');
    await mesh.advance(2000);
    const searches = [view.lookup('default', 'x/y'), view.lookup('default', 'x/y')];
    await mesh.advance(100);
    for (const { peers } of await Promise.all(searches)) expect(peers).toEqual([b!.nodeId]);
    await mesh.advance(1000);
    expect(a!.meshing!.mesh.route('default', 'x/y').peers).toEqual([b!.nodeId]);
  });

  it('does not take from another what both have found', async () => {
    const mesh = await TestMesh.of(2);
    const [a, b] = mesh.nodes;
    subscriber(b!, 'x/#');
    await mesh.advance(2000);
    mesh.directory.options.delayMs = 500;
    const view = viewOf(mesh, a!);
    const first = view.lookup('default', 'x/y');
    await mesh.advance(300);
    const second = view.lookup('default', 'x/z');
    await mesh.advance(1500);
    for (const search of [first, second]) expect((await search).peers).toEqual([b!.nodeId]);
  });

  it('ends when its time is up, with what is known', async () => {
    const mesh = await TestMesh.of(2, { config: { lookupTimeoutMs: 5000 } });
    const [a] = mesh.nodes;
    mesh.directory.options.delayMs = 60_000;
    let done = false;
    const search = viewOf(mesh, a!).lookup('default', 'x');
    void search.then(() => {
      done = true;
    });
    await mesh.advance(4900);
    expect(done).toBe(false);
    await mesh.advance(300);
    expect(done).toBe(true);
    expect((await search).peers).toEqual([]);
  });

  it('says when the token does not allow the topic, and which realms are none of the mesh', async () => {
    const mesh = new TestMesh();
    const a = await mesh.add({ realms: { default: { publish: ['allowed/#'] } } });
    const b = await mesh.add();
    subscriber(b, '#');
    await mesh.advance(2000);
    const search = viewOf(mesh, a).lookup('default', 'other');
    await mesh.advance(1000);
    expect(await search).toMatchObject({ mayPublish: false, peers: [] });
    await expect(viewOf(mesh, a).lookup('plant', 'x')).rejects.toMatchObject({ code: 'realm_not_in_mesh' });
  });

  it('is one of a hundred at once', async () => {
    const mesh = await TestMesh.of(1);
    const view = viewOf(mesh, mesh.nodes[0]!);
    mesh.directory.options.delayMs = 60_000;
    const searches = Array.from({ length: 100 }, (_, i) => view.lookup('default', `t/${i}`));
    await expect(view.lookup('default', 'more')).rejects.toMatchObject({ code: 'quota_exceeded' });
    await mesh.advance(6000);
    await Promise.all(searches);
    const again = view.lookup('default', 'more');
    await mesh.advance(6000);
    await again;
  });
});

describe('what waits', () => {
  it('is listed while it is found out who wants it', async () => {
    const mesh = await TestMesh.of(2);
    const [a] = mesh.nodes;
    const view = viewOf(mesh, a!);
    mesh.directory.options.delayMs = 2000;
    const publisher = a!.client('publisher');
    publisher.publish('x', 'one', { qos: 1 });
    await mesh.advance(500);
    publisher.publish('x', 'two', { qos: 1 });
    await mesh.settle();
    const { queries, topics } = view.pending();
    expect(topics).toEqual([{ realm: 'default', topic: 'x', messages: 2, ageMs: 500 }]);
    expect(queries.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual(['subscriber ', 'subscriber /x']);
    expect(queries[0]).toMatchObject({ realm: 'default', ageMs: 500, leftMs: 3500, found: 0 });
    expect(view.status()).toMatchObject({ pending: { topics: 1, messages: 2 }, lookups: { running: 2 } });
    await mesh.advance(5000);
    expect(view.pending().topics).toEqual([]);
    expect(view.status().pending).toEqual({ topics: 0, messages: 0, bytes: 0 });
  });
});

describe('advertisements', () => {
  it('are told in the order in which they came, and counted by state', async () => {
    const mesh = await TestMesh.of(2);
    const [a] = mesh.nodes;
    subscriber(a!, 'a', 'b', 'c', 'd', 'e');
    await mesh.advance(2000);
    const view = viewOf(mesh, a!);
    const first = view.advertisements(0, 3);
    expect(first.items.map(({ path }) => path)).toEqual(['/a', '/b', '/c']);
    expect(first.items[0]).toMatchObject({ kind: 'subscriber', realm: 'default', state: 'advertised' });
    expect(view.advertisements(first.next!, 3)).toMatchObject({ items: [{ path: '/d' }, { path: '/e' }], next: null });
    expect(view.advertisements(0, 5).next).toBeNull();
    expect(view.status().advertisements).toMatchObject({ waiting: 0, advertised: 5, failed: 0, sent: 5, refused: 0 });
    // One that has gone is no reason to lose the place.
    a!.meshing!.advertiser.remove({ kind: 'subscriber', realm: 'default', path: '/c' });
    expect(view.advertisements(first.next!, 3).items.map(({ path }) => path)).toEqual(['/d', '/e']);
  });
});

describe('a directory', () => {
  it('is missed by a node that had somebody, or was told where', async () => {
    const mesh = await TestMesh.of(2);
    const [a, b] = mesh.nodes;
    const view = viewOf(mesh, a!);
    expect(view.health().outOfReach).toBe(false);
    mesh.kill(b!);
    expect(view.health().outOfReach).toBe(true);
    expect(viewOf(mesh, a!).health().outOfReach).toBe(false);
    expect(viewOf(mesh, a!, ['seed:9443']).health().outOfReach).toBe(true);
    await mesh.add();
    expect(view.health().outOfReach).toBe(false);
  });

  it('is out of reach when nobody answers, and no longer when somebody does', async () => {
    const mesh = await TestMesh.of(2);
    const [a] = mesh.nodes;
    const view = viewOf(mesh, a!);
    mesh.directory.options.loss = 1;
    const publisher = a!.client('publisher');
    for (let i = 0; i < 5; i++) publisher.publish(`t/${i}`, 'x', { qos: 0 });
    expect(view.health().outOfReach).toBe(false);
    await mesh.advance(6000);
    expect(view.health().outOfReach).toBe(true);
    mesh.directory.options.loss = 0;
    publisher.publish('t/6', 'x', { qos: 0 });
    await mesh.advance(2000);
    expect(view.health().outOfReach).toBe(false);
  });
});
