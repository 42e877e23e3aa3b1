import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredEvent } from '../store/event.ts';
import { decodePage } from '../store/page.ts';
import type { Page } from '../store/reads.ts';
import { type OpenEngine, openEngine } from './testing/open-engine.ts';
import type { ThreadEngine } from './thread-engine.ts';

let dir: string;
let open: OpenEngine;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-death-'));
  open = await openEngine(join(dir, 'store.db'));
});
afterEach(async () => {
  await open.close();
  rmSync(dir, { recursive: true, force: true });
});

const append = (engine: ThreadEngine, n: number): ReturnType<ThreadEngine['append']> =>
  engine.append({
    writes: [
      {
        stream: `s${n % 7}`,
        events: [
          { type: 't', data: n },
          { type: 'u', data: n },
        ],
      },
    ],
  });

async function everything(engine: ThreadEngine): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const page: Page = await engine.read('readEvents', {
      stream: null,
      filter: {},
      direction: 'forwards',
      from,
      limit: 1000,
      maxBytes: 1024 * 1024,
      form: 'frames',
    });
    events.push(...decodePage(page));
    from = page.next;
  }
  return events;
}

const threadOf = (id: string): number => open.engine.workers.find((worker) => worker.id === id)!.thread!;

describe('when threads die under load', () => {
  it('every acknowledged append is there once, and whoever listens hears of each event once, in order', async () => {
    const { engine } = open;
    const heard: number[] = [];
    engine.listener = { committed: (events) => heard.push(...events.map(({ position }) => position)) };
    const acknowledged = new Map<number, number>();
    let next = 0;
    let stopped = false;
    const writer = async (): Promise<void> => {
      while (!stopped) {
        const n = next++;
        acknowledged.set(n, (await append(engine, n)).position);
      }
    };
    const writers = Array.from({ length: 32 }, writer);
    for (let death = 0; death < 4; death++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      await open.pool.terminate(threadOf('writer'));
      await expect.poll(() => engine.workers[0]!.thread, { timeout: 5000 }).not.toBeNull();
    }
    stopped = true;
    await Promise.all(writers);
    const events = await everything(engine);
    expect(events.map(({ position }) => position)).toEqual(events.map((_, i) => i));
    // Each append is whole, and there is no second copy of any.
    expect(events.map(({ data }) => data).sort()).toEqual([...acknowledged.keys()].flatMap((n) => [n, n]).sort());
    for (const [n, position] of acknowledged) expect(events[position]!.data).toBe(n);
    expect(heard).toEqual(events.map(({ position }) => position));
    expect(engine.workers[0]!.restarts).toBe(4);
    expect(engine.problem).toBeNull();
  }, 30_000);

  it('reads are answered by others', async () => {
    const { engine } = open;
    await Promise.all(Array.from({ length: 100 }, (_, n) => append(engine, n)));
    const reads = Array.from({ length: 40 }, () => everything(engine));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await open.pool.terminate(threadOf('reader 0'));
    for (const events of await Promise.all(reads)) expect(events).toHaveLength(200);
    expect(engine.workers.find(({ id }) => id === 'reader 0')).toMatchObject({ restarts: 1 });
  });
});
