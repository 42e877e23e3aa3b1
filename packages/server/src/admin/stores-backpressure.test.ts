import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeStores } from '../gateway/testing/open-stores.ts';
import { FakeClock } from '../lib/fake-clock.ts';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { testAdmin } from '../testing/test-admin.ts';
import { TestStore, testStores } from '../testing/test-store.ts';
import type { Admin } from './server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('lines for a client that does not read', () => {
  const EVENTS = 400;
  /** 40 MB in pages of 1 MiB: far more than the buffers of the system take. */
  const DATA = 'x'.repeat(100_000);
  const PAGES = 37;

  let store: TestStore;
  let admin: Admin;
  let base: string;

  beforeAll(async () => {
    store = new TestStore('default', 'default', new MemoryEngine({ wallMs: () => 1000 }));
    admin = await testAdmin(testStores(store));
    base = `http://127.0.0.1:${await admin.listen()}/api/v1/stores/default`;
    const events = Array.from({ length: 10 }, () => ({ type: 't', data: DATA }));
    for (let i = 0; i < EVENTS; i += events.length) await store.append({ writes: [{ stream: 's', events }] });
  });
  beforeEach(() => {
    store.reads = 0;
  });
  afterAll(async () => {
    await admin.stop();
    await store.stop();
  });

  /** An answer of which nothing is read yet but its head. */
  async function ask(url: string): Promise<IncomingMessage> {
    const request = get(url, { headers: { accept: 'application/x-ndjson' }, agent: false });
    cleanups.push(() => request.destroy());
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    return answer;
  }

  /** How often the store has been read when nothing more comes. */
  async function readsAtRest(): Promise<number> {
    for (let before = -1; before !== store.reads; ) {
      before = store.reads;
      await sleep(150);
    }
    return store.reads;
  }

  async function countLines(answer: IncomingMessage): Promise<number> {
    let lines = 0;
    for await (const chunk of answer) lines += String(chunk).split('\n').length - 1;
    return lines;
  }

  it.each(['/events', '/events?direction=backwards', '/streams/s/events', `/events?limit=${EVENTS}`])(
    'are not read on: %s',
    async (path) => {
      const answer = await ask(base + path);
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
      const reads = await readsAtRest();
      expect(reads).toBeGreaterThan(0);
      expect(reads).toBeLessThan(PAGES / 2);
      // It goes on where it stopped, when the client does.
      expect(await countLines(answer)).toBe(EVENTS);
      expect(store.reads).toBeGreaterThanOrEqual(PAGES);
    },
  );

  it('hold up nobody else, and are not read on when it goes', async () => {
    const answer = await ask(`${base}/events`);
    await readsAtRest();
    expect(await countLines(await ask(`${base}/events?from=${EVENTS - 1}`))).toBe(1);
    const reads = store.reads;
    answer.destroy();
    expect(await readsAtRest()).toBe(reads);
  });
});

describe('a store whose queue is full', () => {
  /** Lets the writer and the readers answer what they were asked, until `what` is there. */
  async function settle<T>(clock: FakeClock, what: PromiseLike<T>): Promise<T> {
    let isDone = false;
    const done = (): void => {
      isDone = true;
    };
    what.then(done, done);
    while (!isDone) {
      clock.advance(0);
      await turn();
    }
    return what;
  }

  it('answers an append with 503, the error and when to come again, and takes it later', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'plexus-overload-'));
    const clock = new FakeClock();
    // Nothing is sent to the writer but when the clock is told to go on, so the queue stays as full as it is.
    const stores = makeStores(dataDir, [{ name: 'small' }], { clock, queueBytes: 2000 });
    await settle(clock, stores.start());
    const admin = await testAdmin(stores);
    cleanups.push(
      () => rmSync(dataDir, { recursive: true, force: true }),
      () => settle(clock, stores.stop()),
      () => admin.stop(),
    );
    const data = 'x'.repeat(1000);
    const append = (id: string) =>
      admin.inject({
        method: 'POST',
        url: '/api/v1/stores/small/streams/s/events',
        payload: { events: [{ id, type: 't', data }] },
      });
    const ids = [1, 2].map((i) => `01890000-0000-7000-8000-00000000000${i}`) as [string, string];

    const first = append(ids[0]);
    const store = stores.get('small', null);
    while (store.status().writerQueueBytes === 0) await turn();
    const refused = await append(ids[1]);
    expect([refused.statusCode, refused.headers['retry-after'], refused.json()]).toEqual([
      503,
      '1',
      {
        error: {
          code: 'overloaded',
          message: 'Store small has as much to do as it may hold; again in 100 ms',
          store: 'small',
          retryAfterMs: 100,
        },
      },
    ]);
    // Reads go on.
    const read = await settle(clock, admin.inject('/api/v1/stores/small/types'));
    expect(read.statusCode).toBe(200);
    expect((await settle(clock, first)).statusCode).toBe(201);
    const again = await settle(clock, append(ids[1]));
    expect([again.statusCode, again.json().position]).toEqual([201, 1]);
  });
});
