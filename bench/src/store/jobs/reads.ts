import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StreamWrite } from '@plexus/server';
import { type Job, quantile } from '../../rows/job.ts';
import { newEvent } from '../load.ts';
import { ownNode } from '../own-node.ts';

const STREAM_EVENTS = 100;
const WRITES_AT_ONCE = 40;
const APPEND_EVENTS = 1000;
/** Each of two tags is on one event in a hundred, independently: one in ten thousand has both. */
const TAG_EVERY = 100;
const PAGE = 100;

/** Fills a store: `events` events, a hundred to a stream, the streams mixed. */
export const fill: Job = async ({ directory, parameters }) => {
  await using own = await ownNode(directory);
  const streams = parameters.events! / STREAM_EVENTS;
  const start = performance.now();
  let next = 0;
  const write = (): Promise<unknown> => {
    const writes: StreamWrite[] = [];
    // Ten events each for a hundred streams; the same streams come again when all have had theirs.
    for (let i = 0; i < APPEND_EVENTS / 10; i++, next++) {
      const stream = next % streams;
      const first = (next - stream) / streams;
      writes.push({
        stream: `stream-${stream}`,
        events: Array.from({ length: 10 }, (_, j) => {
          const n = stream * STREAM_EVENTS + first * 10 + j;
          return { ...newEvent(n), tags: tagsOf(n) };
        }),
      });
    }
    return own.store.append({ writes });
  };
  const worker = async (): Promise<void> => {
    while (next < parameters.events! / 10) await write();
  };
  await Promise.all(Array.from({ length: WRITES_AT_ONCE }, worker));
  const { events } = await own.store.read('storeInfo', {});
  if (events !== parameters.events) throw new Error(`${events} events are stored, not ${parameters.events}`);
  return { perSecond: (events * 1000) / (performance.now() - start) };
};

/** So that the system has the files in memory, as it does for a node that has been at work for a while. */
async function readThrough(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    for await (const _ of createReadStream(join(entry.parentPath, entry.name), { highWaterMark: 4 * 1024 * 1024 }));
  }
}

function tagsOf(n: number): string[] {
  const tags = [`shop-${n % 10}`];
  if (n % TAG_EVERY === 7) tags.push('refunded');
  if (Math.floor(n / TAG_EVERY) % TAG_EVERY === 7) tags.push('disputed');
  return tags;
}

/** All events, in process. */
export const catchUp: Job = async ({ directory, parameters }) => {
  await using own = await ownNode(directory);
  const start = performance.now();
  let events = 0;
  for await (const event of own.store.events({ limit: 5000 })) {
    if (event.position !== events) throw new Error(`position ${event.position} came where ${events} was due`);
    if (++events === parameters.events) break;
  }
  return { perSecond: (events * 1000) / (performance.now() - start) };
};

/** Whole streams by name, at random, `inFlight` at a time. */
export const streams: Job = async ({ directory, measureMs, parameters }) => {
  await readThrough(directory);
  await using own = await ownNode(directory);
  const times: number[] = [];
  let read = 0;
  let since = 0;
  const [start, warm] = [performance.now(), measureMs / 3];
  const worker = async (): Promise<void> => {
    for (;;) {
      const began = performance.now();
      if (began - start > warm + measureMs) return;
      const stream = `stream-${Math.floor(Math.random() * parameters.streams!)}`;
      let count = 0;
      for await (const event of own.store.events({ stream, limit: STREAM_EVENTS })) {
        if (event.version !== count) throw new Error(`version ${event.version} came where ${count} was due`);
        // Another row has appended to some of them.
        if (++count === STREAM_EVENTS) break;
      }
      if (count !== STREAM_EVENTS) throw new Error(`${stream} has ${count} events`);
      if (began - start < warm) continue;
      since ||= began;
      read++;
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: parameters.inFlight! }, worker));
  return {
    perSecond: (read * 1000) / (performance.now() - since),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  };
};

/** Pages of events that have two tags, one after the other through the whole store. */
export const twoTags: Job = async ({ directory, parameters }) => {
  await readThrough(directory);
  await using own = await ownNode(directory);
  const times: number[] = [];
  let found = 0;
  for (let round = 0; round < parameters.rounds!; round++) {
    let from: number | null = 0;
    while (from !== null) {
      const began = performance.now();
      const page: { count: number; next: number | null } = await own.store.read('readEvents', {
        stream: null,
        filter: { tags: { match: 'all', tags: ['refunded', 'disputed'] } },
        direction: 'forwards',
        from,
        limit: PAGE,
        maxBytes: 1024 * 1024,
        form: 'frames',
      });
      times.push(performance.now() - began);
      found += page.count;
      from = page.next;
    }
  }
  const wanted = (parameters.events! / (TAG_EVERY * TAG_EVERY)) * parameters.rounds!;
  if (found !== wanted) throw new Error(`${found} events were found, not ${wanted}`);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), pages: times.length };
};
