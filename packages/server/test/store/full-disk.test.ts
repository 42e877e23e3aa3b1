import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { itNeeds } from '../../src/testing/peers.ts';
import { AppendLoad } from './append-load.ts';
import { anySeed, randomFrom } from './random.ts';
import { inDirectory, StoreProcess, until } from './store-process.ts';

// A disk takes a while to fill.
vi.setConfig({ testTimeout: 150_000 });

const MiB = 1024 * 1024;
const WRITERS = 8;
const FULL_MS = 60_000;

/** Loads the node until it says that the disk is full, has `makeRoom` make room, and loads it again. */
async function fillAndGoOn(node: StoreProcess, load: AppendLoad, makeRoom: () => void): Promise<void> {
  const filling = load.run(node);
  await until('the disk is full', FULL_MS, () => load.refused >= WRITERS);
  // A small append may still find room: what is acknowledged after the read began is not in it.
  load.stop();
  await filling;
  expect(load.faultsOf(await node.events())).toEqual([]);
  makeRoom();
  const before = load.acknowledged;
  const running = load.run(node);
  await until('it goes on', FULL_MS, () => load.acknowledged > before + 100);
  load.stop();
  await running;
  expect(load.faultsOf(await node.events())).toEqual([]);
}

/** Whether a process may have a file system of its own. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

itNeeds(
  'a user namespace that may mount (unshare)',
  mayMount(),
  'a full disk: nothing is acknowledged that is not stored, and it goes on without a restart',
  async () => {
    const seed = anySeed();
    await inDirectory(async (dataDir) => {
      const mount = `mount -t tmpfs -o size=${20 * MiB} tmpfs "$0" && exec "$@"`;
      await using node = await StoreProcess.start({ dataDir, through: ['unshare', '-rm', 'sh', '-c', mount, dataDir] });
      const ballast = join(`/proc/${node.pid}/root`, dataDir, 'ballast');
      writeFileSync(ballast, Buffer.alloc(12 * MiB));
      const load = new AppendLoad(WRITERS, randomFrom(seed), 'store_full');
      await fillAndGoOn(node, load, () => rmSync(ballast));
      expect(await node.stop(), node.said).toBe(0);
    }).catch((error) => {
      throw new Error(`FC_SEED=${seed}`, { cause: error });
    });
  },
);

// The same without a mount.
it('files that may not grow: nothing is acknowledged that is not stored, also after a kill', async () => {
  const seed = anySeed();
  await inDirectory(async (dataDir) => {
    const load = new AppendLoad(WRITERS, randomFrom(seed), 'store_full');
    {
      // `ulimit -f` counts in 512 bytes; only the soft limit, so that it can be taken back.
      const limited = ['sh', '-c', `ulimit -S -f ${(6 * MiB) / 512} && exec "$@"`, 'sh'];
      await using node = await StoreProcess.start({ dataDir, through: limited });
      await fillAndGoOn(node, load, () => execFileSync('prlimit', ['--pid', String(node.pid), '--fsize=unlimited']));
    }
    await using node = await StoreProcess.start({ dataDir });
    expect(load.faultsOf(await node.events())).toEqual([]);
  }).catch((error) => {
    throw new Error(`FC_SEED=${seed}`, { cause: error });
  });
});
