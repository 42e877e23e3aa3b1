import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, quantile } from '../../rows/job.ts';
import { closedLoop, newEvent } from '../load.ts';
import { ownNode } from '../own-node.ts';

const STREAMS = 1000;

/** Appends of one event each, `inFlight` at a time, over 1,000 streams. */
export const append: Job = async ({ directory, measureMs, parameters }) => {
  await using own = await ownNode(directory);
  const { store } = own;
  const rate = await closedLoop(parameters.inFlight!, measureMs, (n) =>
    store.append({ writes: [{ stream: `stream-${n % STREAMS}`, events: [newEvent(n)] }] }),
  );
  return { perSecond: rate };
};

/** One writer, one append at a time; and a bare write of 4 KiB with fsync on the same disk, in turns with it. */
export const appendOne: Job = async ({ directory, measureMs }) => {
  await using own = await ownNode(directory);
  const { store } = own;
  const file = openSync(join(directory, 'bare'), 'w');
  const block = Buffer.alloc(4096, 1);
  const ours: number[] = [];
  const bare: number[] = [];
  let at = 0;
  const bareOnce = (): void => {
    const start = performance.now();
    writeSync(file, block, 0, block.length, at);
    fsyncSync(file);
    bare.push(performance.now() - start);
    at += block.length;
  };
  const ownOnce = async (n: number): Promise<void> => {
    const start = performance.now();
    await store.append({ writes: [{ stream: 'one', events: [newEvent(n)] }] });
    ours.push(performance.now() - start);
  };
  const slices = 10;
  for (let slice = 0; slice < slices; slice++) {
    // Neither may warm the disk up for the other.
    for (const end = performance.now() + measureMs / slices / 2; performance.now() < end; ) bareOnce();
    for (const end = performance.now() + measureMs / slices / 2; performance.now() < end; ) await ownOnce(ours.length);
  }
  closeSync(file);
  const [p50, bareP50] = [quantile(ours, 0.5), quantile(bare, 0.5)];
  return { p50Ms: p50, p99Ms: quantile(ours, 0.99), bareP50Ms: bareP50, times: p50 / bareP50 };
};
