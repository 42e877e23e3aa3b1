import { vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { FakeClock } from '../../lib/fake-clock.ts';
import { createLogger } from '../../lib/log.ts';
import type { DirectoryNode, DirectoryWorld } from '../directory.conformance.ts';
import { newIdentity } from '../identity.ts';
import type { DirectoryOptions, KadDirectory } from '../kad-directory.ts';
import { Libp2pNetwork } from '../libp2p-network.ts';
import { RECORD_LIMITS } from '../record-store.ts';

export interface KadNode extends DirectoryNode {
  readonly directory: KadDirectory;
  readonly network: Libp2pNetwork;
}

/** A node of a directory on loopback. Its records age on `clock`. */
export async function kadNode(clock: FakeClock, options: Partial<DirectoryOptions> = {}): Promise<KadNode> {
  const network = new Libp2pNetwork({
    identity: newIdentity(),
    host: '127.0.0.1',
    port: 0,
    quic: false,
    maxConnections: 100,
    version: '0.0.0',
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
    directory: { mode: 'server', bootstrap: [], clock, random: () => 0, ...options },
  });
  await network.start();
  return { network, directory: network.directory!, peerId: network.peerId, addresses: network.addresses };
}

export const knows = (node: KadNode, count: number): Promise<void> =>
  vi.waitFor(
    () => {
      const { peers } = node.directory.status();
      if (peers < count) throw new Error(`knows ${peers} of ${count}`);
    },
    { timeout: 20_000, interval: 20 },
  );

export async function kadWorld(count: number): Promise<DirectoryWorld & { readonly nodes: readonly KadNode[] }> {
  const clock = new FakeClock();
  const first = await kadNode(clock);
  const join = { bootstrap: [first.addresses[0]!] };
  const others = await Promise.all(Array.from({ length: count - 1 }, () => kadNode(clock, join)));
  const alone = await kadNode(clock);
  const nodes = [first, ...others];
  await Promise.all(nodes.map((node) => knows(node, count - 1)));
  return {
    nodes,
    alone,
    validityMs: RECORD_LIMITS.validityMs,
    advance: (ms) => clock.advance(ms),
    stop: async () => void (await Promise.all([...nodes, alone].map(({ network }) => network.stop()))),
  };
}
