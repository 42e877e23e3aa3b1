import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../store/store-process.ts';
import { numbers, Publisher, Subscriber } from './mesh-clients.ts';
import type { MeshNode } from './mesh-node.ts';
import { MeshWorld, WAIT_MS } from './mesh-world.ts';

const TIMEOUT_MS = 120_000;
const BOTH = { default: {}, north: {} };

describe('eight nodes on loopback', { timeout: TIMEOUT_MS }, () => {
  let world: MeshWorld;
  let nodes: MeshNode[];
  beforeAll(async () => {
    world = new MeshWorld({ hosts: 2 });
    // Those that are alone can be killed alone.
    await world.add({ realms: BOTH });
    await world.add({ realms: BOTH, isAlone: true });
    await world.addAll(2, { realms: BOTH });
    await world.addAll(2, { realms: BOTH, cluster: 'left' });
    await world.addAll(2, { realms: BOTH, cluster: 'right', isAlone: true });
    nodes = world.nodes;
    await world.start();
    await world.clustersFormed();
  }, TIMEOUT_MS);
  afterAll(() => world?.[Symbol.asyncDispose]());

  it('find exact, wildcard and shared subscribers from anywhere, at every QoS', async () => {
    const filters = ['a/b', 'a/+', 'a/#', '#', '+/b', '$share/g/a/b'];
    const subscribers: Subscriber[] = [];
    for (const [i, filter] of filters.entries()) subscribers.push(await Subscriber.of(nodes[i + 1]!, filter, 2));
    const not = await Subscriber.of(nodes[7]!, ['a', 'a/b/c', 'b/#', '+'], 2);
    await world.advertised();
    for (const node of [nodes[0]!, nodes[3]!, nodes[6]!]) {
      const publisher = await Publisher.on(node);
      const texts = [0, 1, 2].flatMap((qos) => numbers(3, `${node.number}-${qos}-`));
      for (const qos of [0, 1, 2] as const) publisher.send('a/b', numbers(3, `${node.number}-${qos}-`), qos);
      for (const subscriber of subscribers) {
        await subscriber.has(texts.length);
        for (const qos of [0, 1, 2]) {
          const ofQos = subscriber.got.filter((text) => text.startsWith(`${node.number}-${qos}-`));
          expect(ofQos).toEqual(numbers(3, `${node.number}-${qos}-`));
        }
        expect(subscriber.take().sort()).toEqual(texts.sort());
      }
      publisher.client.vanish();
    }
    expect(not.got).toEqual([]);
    for (const { client } of [...subscribers, not]) client.vanish();
  });

  it('get the first message of a topic that nobody has published on, at QoS 0 too', async () => {
    const subscribers = [
      await Subscriber.of(nodes[1]!, 'first/#', 0),
      await Subscriber.of(nodes[6]!, 'first/+/x', 0),
      await Subscriber.of(
        nodes[4]!,
        numbers(5).map((name) => `first/${name}/x`),
        0,
      ),
    ];
    await world.advertised();
    for (const [i, topic] of numbers(5).entries()) {
      const publisher = await Publisher.on(nodes[[0, 2, 3, 5, 7][i]!]!);
      publisher.send(`first/${topic}/x`, [topic], 0);
    }
    for (const subscriber of subscribers) {
      await subscriber.has(5);
      expect(subscriber.take().sort()).toEqual(numbers(5));
    }
  });

  it('keep realms apart', async () => {
    const only = await world.add({ realms: { default: {} } });
    await world.start(only);
    const stranger = await Subscriber.of(only, '#');
    const north: Subscriber[] = [];
    const south: Subscriber[] = [];
    for (const node of [nodes[1]!, nodes[5]!]) {
      north.push(await Subscriber.of(node, 'realms/#', 1, 'north'));
      south.push(await Subscriber.of(node, 'realms/#'));
    }
    await world.advertised();
    const [inNorth, inDefault] = [await Publisher.on(nodes[2]!, 'north'), await Publisher.on(nodes[2]!)];
    inNorth.send('realms/x', numbers(5, 'north'));
    inDefault.send('realms/x', numbers(5, 'default'));
    for (const subscriber of north) await subscriber.has(5);
    for (const subscriber of [...south, stranger]) await subscriber.has(5);
    for (const { got } of north) expect(got).toEqual(numbers(5, 'north'));
    for (const { got } of [...south, stranger]) expect(got.filter((text) => !text.startsWith('default'))).toEqual([]);
    const ofRealm = async (realm: string): Promise<string[]> => {
      const { clients } = await nodes[2]!.get<{ clients: { clientId: string }[] }>(`/api/v1/clients?realm=${realm}`);
      return clients.map(({ clientId }) => clientId);
    };
    expect(await ofRealm('north')).toEqual([inNorth.client.id]);
    expect(await ofRealm('default')).not.toContain(inNorth.client.id);
    const { peers } = await only.get<{ peers: { realms: string[] }[] }>('/api/v1/mesh');
    expect(new Set(peers.flatMap(({ realms }) => realms))).toEqual(new Set(['default']));
    await only.kill();
  });

  it('send a cluster one frame, whichever of its nodes has subscribers, and another node takes over when its speaker is killed', async () => {
    const [publishing, right] = [nodes[4]!, [nodes[6]!, nodes[7]!]];
    const subscribers = [
      await Subscriber.of(right[0]!, 'frames/#'),
      await Subscriber.of(right[1]!, 'frames/#'),
      await Subscriber.of(right[1]!, 'frames/+'),
    ];
    const publisher = await Publisher.on(publishing);
    await publisher.isHeardBy('frames/x', subscribers);
    const frames = async (): Promise<Map<string, number>> => {
      const links = await publishing.links();
      return new Map(right.map(({ nodeId }) => [nodeId, links.find((link) => link.peerId === nodeId)?.framesOut ?? 0]));
    };
    const before = await frames();
    const sent = numbers(300);
    expect(new Set(await publisher.sendAll('frames/x', sent))).toEqual(new Set([0]));
    for (const subscriber of subscribers) {
      await subscriber.has(sent.length);
      expect(subscriber.take()).toEqual(sent);
    }
    const after = await frames();
    const counts = right.map(({ nodeId }) => after.get(nodeId)! - before.get(nodeId)!);
    const speaker = right[counts[0]! > counts[1]! ? 0 : 1]!;
    // Heartbeats and answers are frames too.
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(sent.length);
    expect(Math.min(...counts)).toBeLessThan(sent.length / 4);
    const staying = subscribers.filter((_, i) => (i === 0 ? right[0] : right[1]) !== speaker);
    const during = numbers(60, 'during');
    const answers = publisher.sendAll('frames/x', during.slice(0, 30));
    await speaker.kill();
    await publisher.sendAll('frames/x', during.slice(30));
    await answers;
    for (const { got } of staying) {
      await until('all that was acknowledged', WAIT_MS, () => got.length >= during.length).catch(() => {});
      expect(got.splice(0)).toEqual(during);
    }
    await publisher.isHeardBy('frames/x', staying);
    const again = numbers(50, 'again');
    await publisher.sendAll('frames/x', again);
    for (const subscriber of staying) {
      await subscriber.has(again.length);
      expect(subscriber.take()).toEqual(again);
    }
    await world.start(speaker);
    await world.clustersFormed();
  });

  it('find a node that was killed and is back, and it finds them', async () => {
    const died = nodes[1]!;
    const publisher = await Publisher.on(nodes[3]!);
    const first = await Subscriber.of(died, 'back/#');
    await publisher.isHeardBy('back/x', [first]);
    await died.kill();
    await publisher.sendAll('back/x', ['nobody']);
    await world.start(died);
    const second = await Subscriber.of(died, 'back/#');
    await publisher.isHeardBy('back/x', [second]);
    expect(await publisher.sendAll('back/x', numbers(20), 2)).toEqual(numbers(20).map(() => 0));
    await second.has(20);
    expect(second.take()).toEqual(numbers(20));
    const back = await Publisher.on(died);
    const other = await Subscriber.of(nodes[5]!, 'from/the/dead');
    await world.advertised();
    back.send('from/the/dead', ['x'], 0);
    await other.has(1);
  });

  it('live on when those where they joined are gone, and a new node joins through any of them', async () => {
    const gone = nodes[0]!;
    await gone.kill();
    world.bootstrap = [nodes[3]!];
    const added = await world.add({ realms: BOTH });
    await world.start(added);
    const subscribers = [await Subscriber.of(added, 'late/#'), await Subscriber.of(nodes[7]!, 'late/+')];
    const publishers = [await Publisher.on(nodes[5]!), await Publisher.on(added)];
    for (const publisher of publishers) {
      await publisher.isHeardBy('late/x', subscribers);
      const texts = numbers(10);
      await publisher.sendAll('late/x', texts);
      for (const subscriber of subscribers) {
        await subscriber.has(texts.length);
        expect(subscriber.take()).toEqual(texts);
      }
    }
  });
});
