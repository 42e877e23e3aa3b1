import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HostedHandle, ThreadPool } from './thread-pool.ts';

/** What it is told to do, it does; everything else it says back, a batch at a time. */
const ECHO = `
export function create(init, reply) {
  if (init.refuse) throw new Error('it will not start');
  let idles = 0;
  return {
    handle(messages) {
      for (const message of messages) {
        if (message === 'throw') throw new Error('asked to');
        if (message === 'exit') process.exit(3);
        if (message === 'say and die') { reply('last words'); process.exit(3); }
        if (message === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
        if (message instanceof Uint8Array) { reply(message, [message.buffer]); return; }
      }
      reply({ name: init.name, messages });
    },
    idle() {
      if (!init.idle) return null;
      reply('idle ' + idles++);
      return idles < 3 ? 5 : null;
    },
    close() { reply('closing'); },
  };
}`;

let dir: string;
let module: string;
let pool: ThreadPool;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-threads-'));
  const file = join(dir, 'echo.mjs');
  writeFileSync(file, ECHO);
  module = pathToFileURL(file).href;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(() => {
  pool = new ThreadPool(2);
});
afterEach(() => pool.close());

interface Echo {
  readonly handle: HostedHandle;
  readonly said: unknown[];
  readonly ended: Promise<Error>;
  /** Resolves when this many things were said. */
  heard(count: number): Promise<void>;
}

async function echo(init: Record<string, unknown> = {}, avoid: number[] = []): Promise<Echo> {
  const said: unknown[] = [];
  const ended = Promise.withResolvers<Error>();
  const waiting: { count: number; resolve: () => void }[] = [];
  const onMessage = (message: unknown): void => {
    said.push(message);
    for (const { count, resolve } of waiting) if (said.length >= count) resolve();
  };
  const handle = await pool.host({ module, init, avoid, onMessage, onEnd: ended.resolve });
  const heard = (count: number): Promise<void> =>
    said.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve }));
  return { handle, said, ended: ended.promise, heard };
}

describe('thread pool', () => {
  it('hands over everything that waits at once, in order', async () => {
    const { handle, said, heard } = await echo({ name: 'a' });
    handle.post('wait');
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (let i = 0; i < 5; i++) handle.post(i);
    await heard(2);
    expect(said).toEqual([
      { name: 'a', messages: ['wait'] },
      { name: 'a', messages: [0, 1, 2, 3, 4] },
    ]);
  });

  it('moves buffers both ways without a copy', async () => {
    const { handle, said, heard } = await echo();
    const bytes = new Uint8Array([1, 2, 3]);
    handle.post(bytes, [bytes.buffer]);
    expect(bytes.byteLength).toBe(0);
    await heard(1);
    expect(said[0]).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('has things do their idle work, as often as they ask', async () => {
    const { said, heard } = await echo({ idle: true });
    await heard(3);
    expect(said).toEqual(['idle 0', 'idle 1', 'idle 2']);
  });

  it('spreads over threads, and keeps to its bound', async () => {
    const hosted = [await echo(), await echo(), await echo(), await echo()];
    const threads = hosted.map(({ handle }) => handle.thread);
    expect(pool.threads).toHaveLength(2);
    expect(threads.filter((thread) => thread === threads[0])).toHaveLength(2);
    const [one, two] = pool.threads as [number, number];
    expect((await echo({}, [one])).handle.thread).toBe(two);
    expect((await echo({}, [one])).handle.thread).toBe(two);
    expect(pool.threads).toContain((await echo({}, [one, two])).handle.thread);
  });

  it('closes a thing after everything that was posted', async () => {
    const { handle, said } = await echo({ name: 'a' });
    handle.post('one');
    await Promise.all([handle.close(), handle.close()]);
    expect(said).toEqual([{ name: 'a', messages: ['one'] }, 'closing']);
    handle.post('ignored');
  });

  it('tells why a thing did not start', async () => {
    await expect(echo({ refuse: true })).rejects.toThrow('it will not start');
    await expect(
      pool.host({ module: 'file:///nothing.mjs', init: {}, onMessage: () => {}, onEnd: () => {} }),
    ).rejects.toThrow();
  });

  it('ends a thing that throws, and no other', async () => {
    pool = new ThreadPool(1);
    const one = await echo();
    const two = await echo({ name: 'two' });
    one.handle.post('throw');
    expect((await one.ended).message).toMatch(/asked to/);
    two.handle.post('still there');
    await two.heard(1);
    await one.handle.close();
  });

  it('ends everything on a thread that dies, and hosts it on another', async () => {
    pool = new ThreadPool(1);
    const [one, two] = [await echo(), await echo()];
    one.handle.post('say and die');
    expect((await one.ended).message).toMatch(/thread 0 ended with code 3/);
    await two.ended;
    expect(one.said).toEqual(['last words']);
    const again = await echo({ name: 'again' });
    expect(again.handle.thread).toBe(1);
    again.handle.post(1);
    await again.heard(1);
  });

  it('ends what it hosts when a thread is terminated, even while that blocks', async () => {
    const { handle, ended } = await echo();
    handle.post('wait');
    await pool.terminate(handle.thread);
    await ended;
    await handle.close();
  });
});
