import { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import type { StoredEvent } from '../event.ts';
import type { Selector } from '../selector.ts';
import { compileSelector } from '../selectors/compile.ts';
import type { CatchUpOptions } from '../subscription.ts';
import { FEED_LIMITS } from './live-feed.ts';
import { Rig } from './testing/rig.ts';

const ALL: Selector = { kind: 'all' };

/** Iterates, as fast as it can, until told to stop. */
class Reader {
  readonly got: StoredEvent[] = [];
  over = false;
  error: unknown = null;
  readonly #iterator: AsyncIterator<StoredEvent>;

  constructor(rig: Rig, options: Partial<CatchUpOptions> = {}) {
    this.#iterator = rig.service.catchUp({ selector: ALL, from: 'start', ...options })[Symbol.asyncIterator]();
  }

  async run(): Promise<void> {
    while (await this.once());
  }

  /** @returns whether there was one */
  async once(): Promise<boolean> {
    try {
      const result = await this.#iterator.next();
      if (result.done === true) this.over = true;
      else this.got.push(result.value);
    } catch (error) {
      this.error = error;
      this.over = true;
    }
    return !this.over;
  }

  stop(): Promise<unknown> {
    return this.#iterator.return!();
  }

  get data(): unknown[] {
    return this.got.map(({ data }) => data);
  }
}

describe('a catch-up reader', () => {
  it('reads history, then what is appended, and says when it has everything', async () => {
    const rig = await Rig.start({ maxLooked: 2 });
    await rig.append('a', 0, 1, 2, 3, 4);
    let caughtUp = 0;
    const reader = new Reader(rig, { from: 1, onCaughtUp: () => caughtUp++ });
    void reader.run();
    await rig.settle();
    expect([reader.data, caughtUp]).toEqual([[1, 2, 3, 4], 1]);
    await rig.append('a', 5, 6);
    expect([reader.data, caughtUp]).toEqual([[1, 2, 3, 4, 5, 6], 1]);
    await reader.stop();
    expect(rig.engine.listener).toBeNull();
  });

  it('from now begins where the store was when it was asked for', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0);
    const reader = new Reader(rig, { from: 'now' });
    await rig.append('a', 1);
    void reader.run();
    await rig.append('a', 2);
    expect(reader.data).toEqual([1, 2]);
  });

  it('sees events of a deleted stream too', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0, 1);
    await rig.engine.write('deleteStream', { stream: 'a', tombstone: false });
    await rig.append('a', 2);
    const reader = new Reader(rig, { selector: { kind: 'stream', stream: 'a' } });
    void reader.run();
    await rig.settle();
    expect(reader.data).toEqual([0, 1, 2]);
  });

  it('ends with its signal, also one that is aborted before', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0);
    const abort = new AbortController();
    const reader = new Reader(rig, { signal: abort.signal });
    void reader.run();
    await rig.settle();
    abort.abort();
    await rig.settle();
    expect([reader.over, reader.error, reader.data]).toEqual([true, null, [0]]);
    const late = new Reader(rig, { signal: abort.signal });
    await late.run();
    expect(late.data).toEqual([]);
    expect(rig.engine.listener).toBeNull();
  });

  it('ends with shutting_down when the service stops', async () => {
    const rig = await Rig.start();
    const reader = new Reader(rig);
    void reader.run();
    await rig.settle();
    await rig.service.stop();
    await rig.settle();
    expect(reader.error).toMatchObject({ code: 'shutting_down' });
    expect(() => new Reader(rig)).toThrow(expect.objectContaining({ code: 'shutting_down' }));
  });

  it('throws what the store throws', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0);
    rig.engine.fault = () => new PlexusError('store_damaged', { file: 'f', problem: 'p', position: 0 });
    const reader = new Reader(rig);
    await reader.run();
    expect(reader.error).toMatchObject({ code: 'store_damaged' });
  });

  it('refuses options that make no sense', async () => {
    const rig = await Rig.start();
    const bad: Partial<CatchUpOptions>[] = [
      { from: -1 },
      { queueSize: 0 },
      { whenFull: 'x' as never },
      { selector: { kind: 'stream', stream: '' } },
    ];
    for (const options of bad) {
      expect(() => new Reader(rig, options)).toThrow(expect.objectContaining({ code: 'bad_request' }));
    }
  });
});

describe('a slow catch-up reader', () => {
  const slow = async (whenFull: CatchUpOptions['whenFull'], events: number) => {
    const rig = await Rig.start();
    const warnings: number[] = [];
    let caughtUp = 0;
    const reader = new Reader(rig, {
      ...(whenFull === undefined ? {} : { whenFull }),
      queueSize: 10,
      onWarning: (queued) => warnings.push(queued),
      onCaughtUp: () => caughtUp++,
    });
    const first = reader.once();
    await rig.settle();
    await rig.append('a', ...Array.from({ length: events }, (_, i) => i));
    await first;
    const drain = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await reader.once();
    };
    return { rig, reader, warnings, drain, caughtUp: () => caughtUp };
  };

  it('by default misses nothing, is warned, and is told when it has caught up again', async () => {
    const { rig, reader, warnings, drain, caughtUp } = await slow(undefined, 30);
    expect([warnings, caughtUp()]).toEqual([[8], 1]);
    const drained = drain(29);
    await rig.settle();
    await drained;
    void reader.once();
    await rig.settle();
    expect(reader.data).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(caughtUp()).toBe(2);
  });

  it('with drop_oldest gets the newest', async () => {
    const { reader, drain } = await slow('drop_oldest', 30);
    await drain(10);
    expect(reader.data).toEqual([0, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
  });

  it('with drop_newest gets the oldest', async () => {
    const { rig, reader, drain } = await slow('drop_newest', 30);
    await drain(10);
    const next = reader.once();
    await rig.append('a', 30);
    await next;
    expect(reader.data).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30]);
  });

  it('with error gets what was queued, then the error', async () => {
    const { reader } = await slow('error', 12);
    await reader.run();
    expect(reader.data).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(reader.error).toMatchObject({ code: 'consumer_overflow', details: { bound: 10 } });
  });
});

describe('from history to live', () => {
  const selector = fc.constantFrom<Selector>(
    ALL,
    { kind: 'stream', stream: 's1' },
    { kind: 'type', types: ['t1', 't2'] },
    { kind: 'pattern', pattern: 's*' },
    { kind: 'tags', match: 'all', tags: ['g1', 'g2'] },
    { kind: 'query', query: [{ types: ['t0'], tags: ['g0'] }, { tags: ['g2'] }] },
    { kind: 'payload', where: { path: '$.n', op: 'gte', value: 2 } },
  );
  const digit = fc.nat({ max: 3 });
  const event = fc.record({ stream: digit, type: digit, tags: fc.uniqueArray(digit), n: digit });
  const step = fc.oneof(
    fc.record({ do: fc.constant('append' as const), events: fc.array(event, { minLength: 1, maxLength: 12 }) }),
    fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 15 }) }),
    fc.record({ do: fc.constant('settle' as const) }),
  );

  it('there is neither gap nor duplicate, whenever events are appended and however slow the reader', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        selector,
        fc.integer({ min: 1, max: 8 }),
        fc.nat({ max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, wanted, queueSize, from, maxLooked) => {
          const rig = await Rig.start({ maxLooked });
          const reader = new Reader(rig, { selector: wanted, from, queueSize });
          const reads: Promise<unknown>[] = [];
          for (const each of steps) {
            if (each.do === 'settle') await rig.settle();
            else if (each.do === 'read') for (let i = 0; i < each.count; i++) reads.push(reader.once());
            else {
              // Not awaited: pages are under way meanwhile.
              for (const { stream, type, tags, n } of each.events) {
                void rig.appendEvent(`s${stream}`, {
                  type: `t${type}`,
                  tags: tags.map((tag) => `g${tag}`),
                  data: { n },
                });
              }
              await null;
            }
          }
          for (let i = 0; i < 500; i++) reads.push(reader.once());
          await rig.settle();
          await rig.settle();
          const page = await rig.engine.read('listStreams', { prefix: '', after: null, limit: 10 });
          expect(page.items.length).toBeLessThan(10);
          const test = compileSelector(wanted);
          const all: StoredEvent[] = [];
          for await (const one of rig.service.catchUp({ selector: ALL, from: 'start', signal: afterAll(rig, all) })) {
            all.push(one);
          }
          const expected = all.filter((one) => one.position >= from && test(one)).map(({ position }) => position);
          expect(reader.got.map(({ position }) => position)).toEqual(expected);
          await reader.stop();
        },
      ),
      seeded(150),
    );
  });

  /** Aborts once everything has been read. */
  function afterAll(rig: Rig, all: readonly StoredEvent[]): AbortSignal {
    const abort = new AbortController();
    const look = (): void => {
      if (all.length === rig.engine.lastPosition + 1) abort.abort();
      else setImmediate(look);
    };
    setImmediate(look);
    return abort.signal;
  }
});

describe('the live feed', () => {
  it('reads what the engine did not tell of, and shows it in order', async () => {
    const rig = await Rig.start();
    const batches: unknown[][] = [];
    const stop = rig.service.onCommitted((events) => batches.push(events.map(({ data }) => data)));
    const reader = new Reader(rig);
    void reader.run();
    await rig.append('a', 0);
    const { listener } = rig.engine;
    rig.engine.listener = null;
    await rig.append('a', 1, 2);
    rig.engine.listener = listener;
    await rig.append('a', 3);
    expect(reader.data).toEqual([0, 1, 2, 3]);
    rig.engine.listener = null;
    await rig.append('a', 4);
    expect(reader.data).toHaveLength(4);
    rig.engine.listener = listener;
    await rig.advance(FEED_LIMITS.checkMs);
    expect(reader.data).toEqual([0, 1, 2, 3, 4]);
    expect(batches.flat()).toEqual([0, 1, 2, 3, 4]);
    stop();
    stop();
    await rig.append('a', 5);
    expect(batches.flat()).toHaveLength(5);
    expect(reader.data).toHaveLength(6);
  });

  it('goes on asking while the store cannot be read', async () => {
    const rig = await Rig.start();
    const heard: unknown[] = [];
    rig.service.onCommitted((events) => heard.push(...events.map(({ data }) => data)));
    const { listener } = rig.engine;
    rig.engine.listener = null;
    await rig.append('a', 0);
    rig.engine.listener = listener;
    rig.engine.fault = (operation) =>
      operation === 'readEvents' ? new PlexusError('timeout', { what: 'x', timeoutMs: 1 }) : null;
    await rig.append('a', 1);
    await rig.advance(500);
    await rig.append('a', 2);
    expect(heard).toEqual([]);
    rig.engine.fault = null;
    await rig.advance(FEED_LIMITS.retryMs);
    expect(heard).toEqual([0, 1, 2]);
  });

  it('takes appends made while it shows events', async () => {
    const rig = await Rig.start();
    const heard: unknown[] = [];
    rig.service.onCommitted((events) => {
      heard.push(...events.map(({ data }) => data));
      const listener = rig.engine.listener!;
      // As an engine would that commits at once.
      if (heard.length === 1) listener.committed([]);
      if (heard.length < 3) void rig.appendEvent('a', { type: 't', data: heard.length });
    });
    await rig.append('a', 0);
    expect(heard).toEqual([0, 1, 2]);
  });

  it('shows a live reader nothing that it does not want, and its cursor moves on', async () => {
    const rig = await Rig.start();
    await rig.create({ selector: { kind: 'tags', match: 'any', tags: ['never'] } });
    await rig.attach();
    let reads = 0;
    rig.engine.fault = (operation) => {
      if (operation === 'readEvents') reads++;
      return null;
    };
    await rig.append('a', ...Array.from({ length: 100 }, (_, i) => i));
    expect([reads, rig.info.checkpoint]).toEqual([0, 99]);
  });
});
