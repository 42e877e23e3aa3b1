import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { type Links, type PeerTarget, startLinks } from '@plexus/server/links';
import type { Job } from '../../rows/job.ts';
import { Helper } from '../calls.ts';
import { countHandles, type Handles } from '../native-handles.ts';
import { idealLru, zipfTrace } from '../zipf.ts';

const PEERS = 500;
const PROCESSES = 5;
const MAX_LINKS = 100;
const SEED = 6;
const MESSAGE_BYTES = 100;
/** Connections without a link are kept for ten seconds; and some time to be closed. */
const SETTLE_MS = 14_000;
const RECEIVED_MS = 3000;
const STOPPED_MS = 1000;

const percent = (hits: number, uses: number): number => (hits / uses) * 100;
const traceOf = (uses: number): Uint32Array => zipfTrace(PEERS, uses, SEED);

/** What the best pool of that size could do. */
export const idealPool: Job = async ({ parameters }) => {
  const uses = parameters.uses!;
  return { hitPercent: percent(idealLru(traceOf(uses), MAX_LINKS).hits, uses) };
};

interface Peer {
  readonly target: PeerTarget;
  sent: number;
}

/** Half of them can be reached over TCP only, half over QUIC only. */
async function startPeers(hosts: readonly Helper[]): Promise<Peer[]> {
  const ofHosts = await Promise.all(
    hosts.map(async (host, index) => {
      const quic = index % 2 === 1;
      const peers: Peer[] = [];
      while (peers.length < PEERS / PROCESSES) {
        const { peerId, addresses } = await host.call<PeerTarget>('start', { quic });
        const usable = addresses.filter((address) => address.includes('/quic-v1') === quic);
        peers.push({ target: { peerId, addresses: usable }, sent: 0 });
      }
      return peers;
    }),
  );
  // So that neighbours in rank are on different hosts.
  return Array.from({ length: PEERS }, (_, rank) => ofHosts[rank % PROCESSES]![Math.floor(rank / PROCESSES)]!);
}

/** One use: a numbered message, over the link that is there or over one that is made for it. @returns whether one was there */
async function use(links: Links, peer: Peer): Promise<boolean> {
  const message = Buffer.alloc(MESSAGE_BYTES);
  message.writeUInt32BE(peer.sent++);
  const { peerId } = peer.target;
  if (links.send(peerId!, message)) return true;
  await links.connect(peer.target);
  if (!links.send(peerId!, message)) throw new Error(`a link with ${peerId} was made, and takes no message`);
  return false;
}

/** Each peer got every message once, in order, over however many links. */
async function requireReceived(hosts: readonly Helper[], peers: readonly Peer[]): Promise<void> {
  const deadline = performance.now() + RECEIVED_MS;
  for (let host = 0; host < hosts.length; host++) {
    const expected = peers.filter((_, rank) => rank % PROCESSES === host).map(({ sent }) => sent);
    for (;;) {
      const received = await hosts[host]!.call<readonly { count: number; fault: string | null }[]>('received');
      const fault = received.find((end) => end.fault !== null)?.fault;
      if (fault !== undefined) throw new Error(fault ?? '');
      const missing = received.reduce((sum, { count }, index) => sum + expected[index]! - count, 0);
      if (missing === 0) break;
      if (performance.now() > deadline) throw new Error(`${missing} messages never arrived`);
      await sleep(100);
    }
  }
}

/** By how much each number is above that of `before`. */
const above = (before: Handles, after: Handles): number =>
  (Object.keys(before) as (keyof Handles)[]).reduce((sum, key) => sum + Math.max(0, after[key] - before[key]), 0);

const connections = ({ active, quicConnections }: Handles): number => active + quicConnections;

const startOwn = (): Promise<Links> => startLinks({ maxLinks: MAX_LINKS, quic: true, onMessage() {} });

/** What this process holds when it has had links, and has none any more. */
async function handlesWithout(peers: readonly Peer[]): Promise<Handles> {
  const links = await startOwn();
  for (const peer of peers) await use(links, peer);
  await sleep(RECEIVED_MS);
  await links.stop();
  await sleep(STOPPED_MS);
  return countHandles();
}

/**
 * Messages to 500 peers, one after the other, of which some get many and most get few; a hundred links may be there at once. Counts what is
 * held of sockets and native handles at the end, beyond one connection for each link; and what is left when all links are closed.
 */
export const linkPool: Job = async ({ parameters }) => {
  const trace = traceOf(parameters.uses!);
  const file = join(import.meta.dirname, '../links-host.ts');
  const hosts = Array.from({ length: PROCESSES }, () => new Helper({ file }));
  try {
    const peers = await startPeers(hosts);
    const without = await handlesWithout(peers.slice(0, PROCESSES));
    const links = await startOwn();
    let hits = 0;
    const since = performance.now();
    for (const rank of trace) {
      if (await use(links, peers[rank]!)) hits++;
      await turn();
    }
    const seconds = (performance.now() - since) / 1000;
    const { evictions } = links;
    await requireReceived(hosts, peers);
    await sleep(SETTLE_MS);
    const full = await countHandles();
    const beyondLinks = Math.max(0, connections(full) - connections(without) - links.size);
    await links.stop();
    await sleep(STOPPED_MS);
    const closed = await countHandles();
    const ideal = idealLru(trace, MAX_LINKS);
    const hitPercent = percent(hits, trace.length);
    return {
      hitPercent,
      belowIdeal: percent(ideal.hits, trace.length) - hitPercent,
      leftOver: beyondLinks + above(without, closed),
      evictions,
      usesPerSecond: trace.length / seconds,
      ...Object.fromEntries(Object.entries(closed).map(([name, count]) => [`closed ${name}`, count])),
      ...Object.fromEntries(Object.entries(full).map(([name, count]) => [`full ${name}`, count])),
    };
  } finally {
    for (const host of hosts) host[Symbol.dispose]();
  }
};
