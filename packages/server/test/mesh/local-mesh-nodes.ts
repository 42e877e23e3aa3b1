/**
 * Three nodes of the mesh that know no address, and two that do not show themselves, all on one local network: a program, to be run where
 * that network is. Prints whom they found, and what came.
 */
import { until } from '../store/store-process.ts';
import { numbers, Publisher, Subscriber } from './mesh-clients.ts';
import type { MeshNode } from './mesh-node.ts';
import { type MeshNodeOptions, MeshWorld } from './mesh-world.ts';

const FIND_MS = 30_000;
const onLan = (mdns: boolean): MeshNodeOptions => ({ config: { host: '0.0.0.0', mdns } });

const directoryPeers = async (node: MeshNode): Promise<number> =>
  (await node.get<{ directoryPeers: number }>('/api/v1/mesh')).directoryPeers;

async function run(): Promise<object> {
  await using world = new MeshWorld({ hosts: 2 });
  const quiet = await world.addAll(2, onLan(false));
  const shown = await world.addAll(3, onLan(true));
  // The quiet ones first, to have all the time that the others have. The last one comes to others that have asked around already.
  for (const nodes of [quiet, shown.slice(0, 2), shown.slice(2)]) {
    await Promise.all(nodes.map((node) => node.start([], [])));
  }
  for (const node of shown) {
    await until(`node ${node.number} to find the others`, FIND_MS, async () => (await directoryPeers(node)) === 2);
  }
  const [publishing, exactly, widely] = shown as [MeshNode, MeshNode, MeshNode];
  const subscribers = {
    exact: await Subscriber.of(exactly, 'local/hall/lamp'),
    wildcard: await Subscriber.of(widely, 'local/+/#'),
    back: await Subscriber.of(publishing, 'local/hall/#'),
  };
  await world.advertised();
  // Only now: what a quiet node advertises is never taken.
  const unheard = await Subscriber.of(quiet[0]!, '#');
  const [first, second] = [await Publisher.on(publishing), await Publisher.on(widely)];
  const answers = [
    ...(await first.sendAll('local/hall/lamp', numbers(2, 'there'))),
    ...(await second.sendAll('local/hall/lamp', numbers(2, 'back'))),
  ];
  const got: Record<string, string[]> = {};
  for (const [name, subscriber] of Object.entries(subscribers)) {
    await subscriber.has(4);
    got[name] = subscriber.take();
  }
  const quietPeers = await Promise.all(quiet.map(directoryPeers));
  const quietLinks = (await Promise.all(quiet.map((node) => node.links()))).flat().length;
  return { answers, got, unheard: unheard.got, quietPeers, quietLinks };
}

process.stdout.write(`${JSON.stringify(await run())}\n`);
process.exit();
