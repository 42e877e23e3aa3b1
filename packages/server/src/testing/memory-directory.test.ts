import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { describeDirectory } from '../peer/directory.conformance.ts';
import { type MemoryDirectory, MemoryDirectoryHub, type MemoryDirectoryOptions } from './memory-directory.ts';

describeDirectory({
  name: 'in memory',
  make: async (count) => {
    const clock = new FakeClock();
    const hub = new MemoryDirectoryHub(clock);
    const nodeOf = (hub: MemoryDirectoryHub, peerId: string) => {
      const directory = hub.node(peerId, [`/memory/${peerId}`]);
      return { peerId, directory, addresses: directory.addresses };
    };
    return {
      nodes: Array.from({ length: count }, (_, i) => nodeOf(hub, `node-${i}`)),
      alone: nodeOf(new MemoryDirectoryHub(clock), 'alone'),
      validityMs: hub.options.validityMs,
      advance: (ms) => clock.advance(ms),
      stop: async () => undefined,
    };
  },
});

const KEY = Buffer.alloc(32, 1);
const OTHER_KEY = Buffer.alloc(32, 2);
const never = new AbortController().signal;

function scene(options: Partial<MemoryDirectoryOptions> = {}, random?: () => number) {
  const clock = new FakeClock();
  const hub = new MemoryDirectoryHub(clock, options, random);
  const [a, b, c] = ['a', 'b', 'c'].map((peerId) => hub.node(peerId, [`/memory/${peerId}`])) as [
    MemoryDirectory,
    MemoryDirectory,
    MemoryDirectory,
  ];
  const find = async (node: MemoryDirectory, key = KEY) => {
    const found: string[] = [];
    await node.find(key, ({ peerId }) => found.push(peerId!), never);
    return found;
  };
  return { clock, hub, a, b, c, find };
}

describe('a directory in memory', () => {
  it('finds those who provided a key, not oneself, until their records expire', async () => {
    const { clock, a, b, c, find } = scene();
    expect(await a.provide(KEY, never)).toBe(2);
    clock.advance(200_000);
    await b.provide(KEY, never);
    expect(await find(c)).toEqual(['a', 'b']);
    expect(await find(a)).toEqual(['b']);
    expect(await find(c, OTHER_KEY)).toEqual([]);
    clock.advance(100_000);
    expect(await find(c)).toEqual(['b']);
    expect([c.status().records, b.status().records]).toEqual([1, 0]);
    await b.provide(KEY, never);
    clock.advance(299_999);
    expect(await find(c)).toEqual(['b']);
  });

  it('keeps the records of a node that has gone, and those that were planted', async () => {
    const { hub, a, c, find } = scene();
    await a.provide(KEY, never);
    a.stop();
    hub.plant(KEY, { peerId: 'nobody', addresses: [] });
    expect(await find(c)).toEqual(['a', 'nobody']);
    hub.forget(KEY, 'a');
    expect(await find(c)).toEqual(['nobody']);
    await expect(find(a)).rejects.toMatchObject({ code: 'directory_unreachable' });
  });

  it('takes its time, for each operation and for each record', async () => {
    const { clock, hub, c } = scene({ delayMs: 100, recordDelayMs: 10 });
    for (const peerId of ['x', 'y']) hub.plant(KEY, { peerId, addresses: [] });
    const found: [number, string | null][] = [];
    let isOver = false;
    void c
      .find(KEY, ({ peerId }) => found.push([clock.now(), peerId]), never)
      .then(() => {
        isOver = true;
      });
    for (let ms = 0; ms < 130; ms++) {
      expect(isOver).toBe(ms >= 120);
      for (let i = 0; i < 10; i++) await Promise.resolve();
      clock.advance(1);
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
    expect(found).toEqual([
      [110, 'x'],
      [120, 'y'],
    ]);
  });

  it('loses operations and records as often as it is told', async () => {
    const numbers = [0.05, 0.5, 0.15, 0.5];
    const { hub, c, find } = scene({ loss: 0.1, recordLoss: 0.2 }, () => numbers.shift()!);
    for (const peerId of ['x', 'y']) hub.plant(KEY, { peerId, addresses: [] });
    await expect(find(c)).rejects.toMatchObject({ code: 'directory_unreachable', retryable: true });
    expect(await find(c)).toEqual(['y']);
  });

  it('is out of reach when it is told so, and for whoever is alone', async () => {
    const { a, b, c, find, clock } = scene();
    await b.provide(KEY, never);
    a.isOutOfReach = true;
    expect(a.status()).toMatchObject({ peers: 0 });
    await expect(find(a)).rejects.toMatchObject({ code: 'directory_unreachable' });
    await expect(a.provide(KEY, never)).rejects.toMatchObject({ code: 'directory_unreachable' });
    expect(await c.provide(KEY, never)).toBe(1);
    a.isOutOfReach = false;
    expect(await find(a)).toEqual(['b', 'c']);
    const alone = new MemoryDirectoryHub(clock).node('a', []);
    await expect(alone.provide(KEY, never)).rejects.toMatchObject({ code: 'directory_unreachable' });
  });

  it('stops with the reason of the signal, also when it is silent', async () => {
    const { a, b, clock } = scene({ delayMs: 10 });
    a.isSilent = true;
    const reason = new Error('enough');
    for (const node of [a, b]) {
      const controller = new AbortController();
      const asking = node.find(KEY, () => undefined, controller.signal);
      controller.abort(reason);
      await expect(asking).rejects.toBe(reason);
      await expect(node.provide(KEY, controller.signal)).rejects.toBe(reason);
    }
    expect(clock.pending).toBe(0);
  });
});
