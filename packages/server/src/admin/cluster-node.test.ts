import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RealNode, realNode } from '../testing/real-node.ts';

let node: RealNode;
beforeAll(async () => {
  node = await realNode();
});
afterAll(() => node[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: an answer is looked into member by member
const get = async (path: string): Promise<any> =>
  (await fetch(`http://127.0.0.1:${node.node.info.httpPort}/api/v1${path}`)).json();

it('a node that is in no cluster says which of its own sessions want a topic', async () => {
  const client = await mqtt.connectAsync(node.url, { protocolVersion: 5 });
  await client.subscribeAsync(['a/+', '$share/g/a/#', '$share/h/b']);
  const { nodeId } = node.node.info;
  const holders = [{ nodeId, self: true, online: 1, away: 0 }];
  expect(await get('/cluster/interest?topic=a%2Fb')).toEqual({
    realm: 'default',
    topic: 'a/b',
    local: true,
    nodes: [],
    shares: [{ share: '$share/g/a/#', holders }],
  });
  expect(await get('/cluster/interest?topic=b')).toMatchObject({ local: false, shares: [{ share: '$share/h/b' }] });
  expect(await get('/cluster/interest?topic=a%2Fb&realm=nobody')).toMatchObject({ local: false, shares: [] });
  await client.endAsync();
});

it('shows where it listens, and its stores as its own', async () => {
  const { nodeId, peerPort, peerAddresses } = await get('/node');
  expect(nodeId).toBe(node.node.info.nodeId);
  expect(peerPort).toBeGreaterThan(0);
  expect(peerAddresses.length).toBeGreaterThan(0);
  for (const address of peerAddresses) expect(address).toContain(`/${peerPort}`);
  const { stores } = await get('/stores');
  const { id } = await get('/stores/default');
  expect(stores).toMatchObject([{ name: 'default', uuid: id, node: nodeId, healthy: true }]);
  expect(JSON.stringify(stores)).not.toContain(node.dataDir);
});
