import { describe, expect, it, vi } from 'vitest';
import type { PeerTarget } from './channel.ts';
import type { Directory } from './directory.ts';

export interface DirectoryNode {
  readonly peerId: string;
  readonly directory: Directory;
  /** Where others find it. */
  readonly addresses: readonly string[];
}

export interface DirectoryWorld {
  /** They know each other. */
  readonly nodes: readonly DirectoryNode[];
  /** Knows nobody, and nobody knows it. */
  readonly alone: DirectoryNode;
  readonly validityMs: number;
  /** Lets time pass for records. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

export interface DirectoryCase {
  readonly name: string;
  make(count: number): Promise<DirectoryWorld>;
}

const LIMIT_MS = 20_000;
const limit = (): AbortSignal => AbortSignal.timeout(LIMIT_MS);
const keyOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);

async function find({ directory }: DirectoryNode, key: Uint8Array): Promise<PeerTarget[]> {
  const targets: PeerTarget[] = [];
  await directory.find(key, (target) => targets.push(target), limit());
  return targets;
}

const idsOf = (targets: readonly PeerTarget[]): string[] => targets.map(({ peerId }) => String(peerId)).sort();

/** What every directory has to do. */
export function describeDirectory({ name, make }: DirectoryCase): void {
  const within = async (count: number, test: (world: DirectoryWorld) => Promise<void>): Promise<void> => {
    const world = await make(count);
    try {
      await test(world);
    } finally {
      await world.stop();
    }
  };

  describe(`a directory: ${name}`, () => {
    it('finds whoever has said so, with addresses, and nobody else', { timeout: 60_000 }, () =>
      within(5, async ({ nodes }) => {
        const [one, ...others] = nodes as [DirectoryNode, ...DirectoryNode[]];
        expect(await one.directory.provide(keyOf(1), limit())).toBeGreaterThan(0);
        for (const other of others) {
          const targets = await find(other, keyOf(1));
          expect(targets).toEqual([{ peerId: one.peerId, addresses: one.addresses }]);
          expect(await find(other, keyOf(2))).toEqual([]);
        }
      }),
    );

    it('finds everybody under a key, each once, and never the node that asks', { timeout: 60_000 }, () =>
      within(6, async ({ nodes }) => {
        const all = nodes.map(({ peerId }) => peerId).sort();
        await Promise.all(nodes.map(({ directory }) => directory.provide(keyOf(3), limit())));
        await Promise.all(nodes.map(({ directory }) => directory.provide(keyOf(3), limit())));
        for (const node of nodes) {
          expect(idsOf(await find(node, keyOf(3)))).toEqual(all.filter((id) => id !== node.peerId));
        }
      }),
    );

    it('forgets after a while, unless it is said again', { timeout: 60_000 }, () =>
      within(3, async ({ nodes, advance, validityMs }) => {
        const [one, two, three] = nodes as [DirectoryNode, DirectoryNode, DirectoryNode];
        await one.directory.provide(keyOf(4), limit());
        await two.directory.provide(keyOf(4), limit());
        advance(validityMs - 1);
        expect(idsOf(await find(three, keyOf(4)))).toEqual([one.peerId, two.peerId].sort());
        await two.directory.provide(keyOf(4), limit());
        advance(1);
        expect(idsOf(await find(three, keyOf(4)))).toEqual([two.peerId]);
        advance(validityMs);
        expect(await find(three, keyOf(4))).toEqual([]);
        for (const { directory } of nodes) expect(directory.status().records).toBe(0);
      }),
    );

    it('says how many it knows, and what it keeps for others', { timeout: 60_000 }, () =>
      within(4, async ({ nodes, alone }) => {
        const [one, ...others] = nodes as [DirectoryNode, ...DirectoryNode[]];
        const taken = await one.directory.provide(keyOf(5), limit());
        expect(one.directory.status()).toMatchObject({ mode: 'server', peers: 3, records: 0 });
        const kept = others.reduce((sum, { directory }) => sum + directory.status().records, 0);
        expect(kept).toBe(taken);
        expect(alone.directory.status()).toMatchObject({ peers: 0, records: 0 });
      }),
    );

    it('says that it is out of reach, where it is', { timeout: 60_000 }, () =>
      within(1, async ({ alone: { directory } }) => {
        await expect(directory.provide(keyOf(6), limit())).rejects.toMatchObject({ code: 'directory_unreachable' });
        const query = directory.find(keyOf(6), () => {}, limit());
        await expect(query).rejects.toMatchObject({ code: 'directory_unreachable' });
      }),
    );

    it('stops when nobody waits any more, with the reason', { timeout: 60_000 }, () =>
      within(3, async ({ nodes }) => {
        const [one, two] = nodes as [DirectoryNode, DirectoryNode];
        const reason = new Error('nobody waits');
        const over = AbortSignal.abort(reason);
        await expect(one.directory.provide(keyOf(7), over)).rejects.toBe(reason);
        await expect(one.directory.find(keyOf(7), () => {}, over)).rejects.toBe(reason);

        await one.directory.provide(keyOf(8), limit());
        const enough = new AbortController();
        const found = vi.fn(() => enough.abort(reason));
        await expect(two.directory.find(keyOf(8), found, enough.signal)).rejects.toBe(reason);
        expect(found).toHaveBeenCalledTimes(1);
        // Nothing of it is left over.
        expect(idsOf(await find(two, keyOf(8)))).toEqual([one.peerId]);
      }),
    );
  });
}
