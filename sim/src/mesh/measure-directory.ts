import { readFileSync } from 'node:fs';
import { openDirectoryNode } from '@plexus/server/simulation';
import type { Directory } from '../ports.ts';
import { Random } from '../random.ts';
import { VirtualProcess } from '../virtual-process.ts';
import { VirtualTime } from '../virtual-time.ts';
import { DirectoryModel } from './directory-model.ts';

const OPERATIONS = 300;
/** Bytes are those of the quietest of so many parts: other programs use the loopback too. */
const PARTS = 10;
/** Nodes say things to each other that nobody asked for; how much is seen in this time. */
const IDLE_MS = 10_000;
/** Between two nodes that join, and after the last, until all know their neighbours. */
const JOIN_MS = 100;
const SETTLE_MS = 20_000;
const LOOPBACK = { delayMs: 0.05, jitterMs: 0.02, bytesPerMs: 1_000_000 };
const NEVER = new AbortController().signal;

/** A directory, real or not, and how its time and traffic are told. */
interface Measured {
  readonly name: string;
  readonly directories: readonly Directory[];
  now(): number;
  bytes(): number;
  /** Of walks, as `DirectoryNode` counts them. */
  requests(): { readonly answered: number; readonly failed: number };
  /** Without anything being asked. */
  idle(ms: number): Promise<void>;
  /** Lets time pass until it is settled. */
  wait(promise: Promise<unknown>): Promise<unknown>;
}

interface Costs {
  readonly p50: number;
  readonly p99: number;
  readonly requests: number;
  /** Share of the requests. */
  readonly failed: number;
  readonly bytes: number;
}

/** Compares the model with the real directory, both with no network in between: what a look and an advertisement take, ask and weigh. */
export async function measureDirectory(nodes: number, seed: number, write: (text: string) => void): Promise<void> {
  write(
    '| directory | nodes | advertise p50 / p99 | requests of the walk, failed | bytes | look up p50 / p99 | requests, failed | bytes |\n' +
      `|${' --- |'.repeat(8)}\n`,
  );
  const report = async (measured: Measured): Promise<void> => {
    const random = new Random(`measure ${seed}`);
    const keys = Array.from({ length: OPERATIONS }, () => random.bytes(32));
    const provide = await costs(measured, keys, (key) => random.pick(measured.directories).provide(key, NEVER));
    const find = await costs(measured, keys, (key) => random.pick(measured.directories).find(key, () => {}, NEVER));
    const text = ({ p50, p99, requests, failed, bytes }: Costs): string =>
      `${p50.toFixed(1)} / ${p99.toFixed(1)} ms | ${requests.toFixed(1)}, ${(100 * failed).toFixed(2)} % | ${bytes.toFixed(0)}`;
    write(`| ${measured.name} | ${nodes} | ${text(provide)} | ${text(find)} |\n`);
  };
  const [real, stop] = await openReal(nodes);
  try {
    await report(real);
  } finally {
    await stop();
  }
  await report(await openModel(nodes, seed));
}

async function costs(
  measured: Measured,
  keys: readonly Uint8Array[],
  ask: (key: Uint8Array) => Promise<unknown>,
): Promise<Costs> {
  const times: number[] = [];
  const quiet = measured.bytes();
  await measured.idle(IDLE_MS);
  const idleBytes = (measured.bytes() - quiet) / IDLE_MS;
  const asked = { ...measured.requests() };
  let [before, since, bytes] = [measured.bytes(), measured.now(), Number.POSITIVE_INFINITY];
  for (const [i, key] of keys.entries()) {
    const from = measured.now();
    await measured.wait(ask(key));
    times.push(measured.now() - from);
    if ((i + 1) % (keys.length / PARTS) !== 0) continue;
    const unasked = idleBytes * (measured.now() - since);
    bytes = Math.min(bytes, (measured.bytes() - before - unasked) / (keys.length / PARTS));
    [before, since] = [measured.bytes(), measured.now()];
  }
  const answered = measured.requests().answered - asked.answered;
  const failed = measured.requests().failed - asked.failed;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)]!;
  const requests = answered + failed;
  return { p50: at(0.5), p99: at(0.99), requests: requests / keys.length, failed: failed / requests, bytes };
}

async function openReal(nodes: number): Promise<[Measured, () => Promise<void>]> {
  const all = [await openDirectoryNode([])];
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  while (all.length < nodes) {
    all.push(await openDirectoryNode(all[0]!.addresses));
    await pause(JOIN_MS);
  }
  await pause(SETTLE_MS);
  const measured: Measured = {
    name: 'real, over loopback',
    // One that a busy machine has made everybody forget is left out.
    directories: all.map(({ directory }) => directory).filter((directory) => directory.status().peers > 0),
    now: () => performance.now(),
    bytes: loopbackBytes,
    requests: () => ({
      answered: all.reduce((sum, { requests }) => sum + requests.answered, 0),
      failed: all.reduce((sum, { requests }) => sum + requests.failed, 0),
    }),
    idle: pause,
    wait: (promise) => promise,
  };
  const stop = async (): Promise<void> => {
    await Promise.all(all.map((node) => node.stop()));
  };
  return [measured, stop];
}

async function openModel(nodes: number, seed: number): Promise<Measured> {
  const time = new VirtualTime();
  const random = new Random(`model ${seed}`);
  const model = new DirectoryModel({ time, random, weather: LOOPBACK, reach: () => 'answers' });
  const fault = (error: unknown): never => {
    throw error;
  };
  const directories = Array.from({ length: nodes }, (_, i) => {
    const peerId = `node-${i}`;
    const process = new VirtualProcess(peerId, time, random, { skewMs: 0, rate: 1 }, fault);
    return model.join({ peerId, addresses: [peerId], process, bootstrap: ['node-0'] });
  });
  await time.runUntil(SETTLE_MS);
  return {
    name: 'model',
    directories,
    now: () => time.now,
    bytes: () => model.bytes,
    requests: () => ({ answered: model.counts.asked, failed: model.counts.failed }),
    idle: (ms) => time.runUntil(time.now + ms),
    wait: async (promise) => {
      let isOver = false;
      const over = (): void => {
        isOver = true;
      };
      promise.then(over, over);
      while (!isOver) await time.runUntil(time.now + 0.1);
      return promise;
    },
  };
}

/** That the machine has sent to itself, headers included; whatever else runs on it counts too. */
function loopbackBytes(): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith('lo:'));
  return Number(line?.trim().split(/\s+/)[9] ?? 0);
}
