import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/log.ts';
import { randomFraction } from '../lib/random.ts';
import { Turn } from '../lib/turn.ts';
import { allowAll, EventLog } from '../testing/pool-world.ts';
import { newIdentity } from './identity.ts';
import { Libp2pNetwork } from './libp2p-network.ts';
import { LinkPool } from './link-pool.ts';
import { LINK_POOL_DEFAULTS } from './link-pool-options.ts';

const log = createLogger({ level: 'silent' });
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function node(port = 0) {
  const network = new Libp2pNetwork({
    identity: newIdentity(),
    host: '127.0.0.1',
    port,
    quic: false,
    maxConnections: 100,
    version: '0.0.0',
    clock: systemClock,
    log,
  });
  await network.start();
  const pool = new LinkPool({
    network,
    incarnation: Date.now(),
    clock: systemClock,
    turn: new Turn((run) => systemClock.setImmediate(run)),
    random: randomFraction,
    log,
    options: LINK_POOL_DEFAULTS,
  });
  const events = new EventLog();
  pool.open('cluster', allowAll, events);
  pool.start();
  const stop = async () => {
    pool.stop();
    await network.stop();
  };
  stops.push(stop);
  return { network, pool, events, stop };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(condition()).toBe(true);
}

it('over libp2p, nodes that keep each other by address have one link', async () => {
  const [a, b] = await Promise.all([node(), node()]);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pool.keep('cluster', { peerId: null, addresses: to.network.addresses });
    from.pool.keep('cluster', { peerId: to.network.peerId, addresses: to.network.addresses });
  }
  await until(() => a.pool.size === 1 && b.pool.size === 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([a.events.lines, b.events.lines]).toEqual([[`up ${b.network.peerId}`], [`up ${a.network.peerId}`]]);
  expect(a.pool.findByEndpoint(`127.0.0.1:${b.network.addresses[0]!.split('/').at(-1)}`)).toHaveLength(1);
});

it('over libp2p, a peer that is gone is refused at once, and comes back by itself', async () => {
  const [a, b] = await Promise.all([node(), node()]);
  a.pool.keep('cluster', { peerId: null, addresses: b.network.addresses });
  await until(() => a.pool.size === 1);
  const port = Number(b.network.addresses[0]!.split('/').at(-1));
  stops.pop();
  await b.stop();
  await until(() => a.events.lines.some((line) => line.endsWith('peer_refused')));
  const c = await node(port);
  await until(() => a.pool.info('cluster', c.network.peerId)?.state === 'up');
});

it('over libp2p, this node itself is known as such', async () => {
  const a = await node();
  a.pool.keep('cluster', { peerId: null, addresses: a.network.addresses });
  await until(() => a.events.lines.length > 0);
  expect(a.events.lines).toEqual([`refused ${a.network.peerId} same_identity`]);
});
