import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import type { MeshKey } from '../ports.ts';
import { FakeRecords } from './testing/fake-records.ts';
import { TimedAdvertiser, type TimedAdvertiserOptions } from './timed-advertiser.ts';

const key = (path: string, realm = 'r'): MeshKey => ({ kind: 'subscriber', realm, path });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A generator that anybody may foresee, for jitter. */
function random(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

class World {
  readonly clock = new FakeClock();
  readonly records = new FakeRecords(this.clock);
  readonly told: string[] = [];
  /** In use now; empty: the node takes no part. */
  epochs: readonly number[] = [1];
  readonly advertiser: TimedAdvertiser;

  constructor(options: Partial<TimedAdvertiserOptions> = {}, fraction: () => number = random()) {
    const { clock, records } = this;
    const keysOf = ({ path }: MeshKey) => this.epochs.map((epoch) => bytesOf(`${epoch}${path}`));
    this.advertiser = new TimedAdvertiser({ directory: records, keysOf, clock, random: fraction }, options);
    this.advertiser.onAdvertised = ({ path }) => this.told.push(path);
  }

  /** Keys of the directory, as they were said so far. */
  get said(): string[] {
    return this.records.provided.map(({ key }) => key);
  }

  add(...paths: string[]): void {
    for (const path of paths) this.advertiser.add(key(path));
  }

  /** Lets time pass, in steps, with what promises do in between. */
  async pass(ms: number, stepMs = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed));
      await this.settle();
    }
  }

  /** Lets promises that are settled already go on, and what is due now. */
  async settle(): Promise<void> {
    for (let i = 0; i < 8; i++) await Promise.resolve();
    this.clock.advance(0);
    for (let i = 0; i < 8; i++) await Promise.resolve();
  }
}

const many = (count: number, prefix = '/'): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** The most that began within any `windowMs`. */
function mostWithin(times: readonly number[], windowMs: number): number {
  let most = 0;
  let first = 0;
  for (const [i, time] of times.entries()) {
    while (time - times[first]! >= windowMs) first++;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

describe('an advertiser', () => {
  it('says a key at once, and again four minutes later at the latest', async () => {
    const world = new World();
    world.add('/a', '/a');
    expect(world.advertiser.isAdvertised(key('/a'))).toBe(false);
    await world.settle();
    for (let s = 0; s < 1200; s++) {
      expect(world.advertiser.isAdvertised(key('/a'))).toBe(true);
      await world.pass(1000);
    }
    const times = world.records.provided.map(({ atMs }) => atMs);
    expect(times.length).toBeGreaterThanOrEqual(5);
    for (const [i, at] of times.slice(1).entries()) {
      expect(at - times[i]!).toBeLessThanOrEqual(240_001);
      expect(at - times[i]!).toBeGreaterThanOrEqual(192_000);
    }
    expect(world.told).toEqual(['/a']);
  });

  it('does not say a key all the time when records are valid for less than it renews them before', async () => {
    const world = new World({ ttlMs: 10_000 }, () => 0);
    world.add('/a');
    await world.pass(21_000, 100);
    expect(world.records.provided.map(({ atMs }) => atMs)).toEqual([0, 5000, 10_000, 15_000, 20_000]);
  });

  it('keeps ten thousand keys current without going over the rate, in two rounds that are both spread out', async () => {
    const ratePerS = 100;
    const world = new World({ ratePerS });
    world.records.latencyMs = 20;
    const paths = many(10_000);
    world.add(...paths);
    await world.pass(900_000, 10);
    const times = world.records.provided.map(({ atMs }) => atMs);
    expect(mostWithin(times, 1000)).toBeLessThanOrEqual(2 * ratePerS);
    expect(mostWithin(times, 60_000)).toBeLessThanOrEqual(61 * ratePerS);
    expect(world.records.mostUnderWay).toBeLessThanOrEqual(8);
    const said = new Map<string, number[]>();
    for (const { key: name, atMs } of world.records.provided) said.set(name, [...(said.get(name) ?? []), atMs]);
    expect(said.size).toBe(10_000);
    for (const each of said.values()) {
      for (const [i, at] of each.entries()) expect((each[i + 1] ?? 900_000) - at).toBeLessThan(300_000);
    }
    // Nobody was late: each was news once.
    expect(world.told).toHaveLength(10_000);
    expect(world.advertiser.counters).toEqual({ sent: times.length, failed: 0, refused: 0 });
  });

  it('does not say together again what was added together', async () => {
    const world = new World({ ratePerS: 1000, concurrency: 1000 });
    world.add(...many(1000));
    await world.pass(2000, 10);
    expect(world.records.provided).toHaveLength(1000);
    await world.pass(248_000, 10);
    const again = world.records.provided.slice(1000).map(({ atMs }) => atMs);
    expect(again).toHaveLength(1000);
    // 48 s for a thousand: 21 a second.
    expect(mostWithin(again, 1000)).toBeLessThan(45);
  });

  it('says keys of subscribers before those of publishers', async () => {
    const world = new World({ ratePerS: 1 });
    world.add('/s1');
    world.advertiser.add({ kind: 'publisher', realm: 'r', path: '/p1' });
    world.advertiser.add({ kind: 'publisher', realm: 'r', path: '/p2' });
    world.add('/s2');
    await world.pass(5000, 100);
    expect(world.said).toEqual(['1/s2', '1/s1', '1/p2', '1/p1']);
  });

  it('says the newest first', async () => {
    const world = new World({ ratePerS: 1, concurrency: 1 });
    world.add('/a', '/b', '/c');
    await world.pass(1000);
    expect(world.said).toEqual(['1/c', '1/b']);
    world.add('/d');
    await world.pass(2000, 1000);
    expect(world.said).toEqual(['1/c', '1/b', '1/d', '1/a']);
  });

  it('says a second worth of keys at once, then as the rate allows', async () => {
    const world = new World({ ratePerS: 20, concurrency: 100 });
    world.add(...many(100));
    await world.settle();
    expect(world.said).toHaveLength(20);
    await world.pass(1000, 10);
    expect(world.said).toHaveLength(40);
  });

  it('has only so many under way', async () => {
    const world = new World({ ratePerS: 1000, concurrency: 3 });
    world.records.latencyMs = 100;
    world.add(...many(10));
    await world.settle();
    expect(world.said).toHaveLength(3);
    await world.pass(1000, 10);
    expect([world.said.length, world.records.mostUnderWay]).toEqual([10, 3]);
  });

  describe('when too much waits', () => {
    it('prefers new keys, but leaves half of the rate to renewals that are close to expiry', async () => {
      const world = new World({ ratePerS: 10 });
      world.add(...many(100, '/old/'));
      await world.pass(180_000, 100);
      expect(world.records.provided).toHaveLength(100);
      // More new keys from now on than can be said.
      for (let s = 0; s < 120; s++) {
        world.add(...many(20, `/new/${s}/`));
        await world.pass(1000, 100);
      }
      expect(world.said.filter((name) => name.startsWith('1/old/'))).toHaveLength(200);
      // Not one of them had expired: none is news again.
      expect(world.told.filter((path) => path.startsWith('/old/'))).toHaveLength(100);
      const since = world.records.provided.slice(100);
      const early = since.filter(({ atMs }) => atMs < 270_000);
      expect(early.filter(({ key: name }) => name.startsWith('1/old/'))).toEqual([]);
      expect(early.length).toBeGreaterThan(890);
    });

    it('leaves three quarters to the others, whatever fails', async () => {
      const world = new World({ ratePerS: 4, concurrency: 4 });
      world.records.answer = (name) => (name.startsWith('1/bad/') ? 'refused' : 'taken');
      world.add(...many(400, '/bad/'));
      await world.pass(110_000, 50);
      world.add(...many(100, '/good/'));
      const before = world.said.length;
      await world.pass(30_000, 50);
      const since = world.said.slice(before);
      expect(since.filter((name) => name.startsWith('1/good/')).length).toBeGreaterThanOrEqual(90);
      expect(since.filter((name) => name.startsWith('1/bad/')).length).toBeGreaterThanOrEqual(28);
    });

    it('does not let what nobody answers take all places', async () => {
      const world = new World({ ratePerS: 100, concurrency: 4 });
      world.records.answer = (name) => (name.startsWith('1/bad/') ? 'silent' : 'taken');
      world.add(...many(4, '/bad/'));
      await world.pass(40_000, 100);
      expect(world.advertiser.counters.failed).toBe(4);
      world.add(...many(50, '/good/'));
      await world.pass(1000, 10);
      expect(world.told).toHaveLength(50);
    });
  });

  it('tries again what has failed, after 1 s, 2 s and so on up to a minute, and says when it was taken', async () => {
    const world = new World({}, () => 0);
    let isUp = true;
    world.records.answer = () => (isUp ? 'taken' : 'refused');
    world.add('/a');
    await world.settle();
    isUp = false;
    await world.pass(600_000, 100);
    const gaps = world.records.provided.slice(1).map(({ atMs }, i) => atMs - world.records.provided[i]!.atMs);
    expect(gaps).toEqual([240_000, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
    expect(world.advertiser.isAdvertised(key('/a'))).toBe(false);
    expect(world.advertiser.list()).toMatchObject([{ state: 'failed' }]);
    isUp = true;
    await world.pass(60_000, 100);
    expect(world.told).toEqual(['/a', '/a']);
    expect(world.advertiser.counters.failed).toBe(11);
    expect(world.advertiser.list()).toMatchObject([{ state: 'advertised' }]);
  });

  it('says that it was taken after a failure, also when its record had not expired', async () => {
    const world = new World({}, () => 0);
    world.add('/a');
    await world.settle();
    world.records.answer = () => 'refused';
    await world.pass(240_500, 100);
    expect(world.advertiser.list()).toMatchObject([{ state: 'failed' }]);
    expect(world.advertiser.isAdvertised(key('/a'))).toBe(true);
    world.records.answer = () => 'taken';
    await world.pass(1000, 100);
    expect(world.told).toEqual(['/a', '/a']);
  });

  it('says that it was taken when its record had expired meanwhile', async () => {
    // One in 100 s: of four keys, each is said every 400 s.
    const world = new World({ ratePerS: 0.01 });
    world.add('/a', '/b', '/c', '/d');
    await world.pass(1_000_000, 1000);
    expect(world.said).toHaveLength(11);
    expect(world.told).toEqual(world.said.map((name) => name.slice(1)));
  });

  describe('when a key is removed', () => {
    it('does not say it again', async () => {
      const world = new World();
      world.add('/a', '/b');
      await world.settle();
      world.advertiser.remove(key('/a'));
      expect(world.advertiser.isAdvertised(key('/a'))).toBe(false);
      await world.pass(300_000, 1000);
      expect(world.said).toEqual(['1/b', '1/a', '1/b']);
    });

    it('ends what is under way, whose place is free at once, and ignores its answer', async () => {
      const world = new World({ concurrency: 1 });
      world.records.latencyMs = 1000;
      world.add('/b', '/a');
      await world.settle();
      world.advertiser.remove(key('/a'));
      expect(world.records.provided[0]!.signal.aborted).toBe(true);
      await world.settle();
      expect(world.said).toEqual(['1/a', '1/b']);
      await world.pass(5000, 100);
      expect(world.told).toEqual(['/b']);
      expect(world.advertiser.counters.failed).toBe(0);
    });

    it('takes it up anew when it is added again', async () => {
      const world = new World();
      world.add('/a');
      await world.settle();
      world.advertiser.remove(key('/a'));
      world.add('/a');
      await world.settle();
      expect(world.said).toEqual(['1/a', '1/a']);
      expect(world.told).toEqual(['/a', '/a']);
      expect(world.advertiser.size).toBe(1);
    });
  });

  describe('with epochs', () => {
    it('says a key for each, and counts it as taken when all were', async () => {
      const world = new World({}, () => 0);
      world.epochs = [2, 1];
      world.records.answer = (name) => (name.startsWith('1') ? 'refused' : 'taken');
      world.add('/a');
      await world.pass(900, 100);
      expect([world.said, world.told]).toEqual([['2/a', '1/a'], []]);
      expect(world.advertiser.isAdvertised(key('/a'))).toBe(false);
      world.records.answer = () => 'taken';
      await world.pass(200, 100);
      expect([world.said.slice(2), world.told]).toEqual([['2/a', '1/a'], ['/a']]);
      expect(world.advertiser.counters).toEqual({ sent: 4, failed: 1, refused: 0 });
    });

    it('counts each record against the rate', async () => {
      const world = new World({ ratePerS: 20, concurrency: 100 });
      world.epochs = [2, 1];
      world.add(...many(100));
      await world.pass(1000, 10);
      expect(world.said).toHaveLength(40);
    });

    it('says the keys of a realm anew when they are others now, and leaves those that are not', async () => {
      const world = new World();
      world.add('/a', '/b');
      await world.settle();
      world.advertiser.refresh('r');
      await world.pass(1000, 100);
      expect(world.said).toEqual(['1/b', '1/a']);
      world.epochs = [2, 1];
      world.advertiser.refresh('other');
      await world.pass(1000, 100);
      expect(world.said).toHaveLength(2);
      world.advertiser.refresh('r');
      expect(world.advertiser.isAdvertised(key('/a'))).toBe(true);
      await world.pass(1000, 100);
      expect(world.said.slice(2).sort()).toEqual(['1/a', '1/b', '2/a', '2/b']);
      expect(world.told.slice(2).sort()).toEqual(['/a', '/b']);
    });

    it('begins again what is under way when they change', async () => {
      const world = new World();
      world.records.latencyMs = 1000;
      world.add('/a');
      await world.settle();
      world.epochs = [2];
      world.advertiser.refresh('r');
      await world.pass(3000, 100);
      expect([world.said, world.told]).toEqual([['1/a', '2/a'], ['/a']]);
    });

    it('waits while it has no part in the realm, and goes on when it has', async () => {
      const world = new World();
      world.epochs = [];
      world.add(...many(1000));
      await world.pass(200_000, 1000);
      expect(world.said).toEqual([]);
      expect(world.advertiser.list()[0]).toMatchObject({ state: 'waiting', advertisedAtMs: null });
      world.epochs = [1];
      world.advertiser.refresh('r');
      await world.pass(60_000, 10);
      expect(world.told).toHaveLength(1000);
    });
  });

  it('refuses more keys than it has room for, and counts them', async () => {
    const world = new World({ maxKeys: 2 });
    world.add('/a', '/b', '/c', '/b');
    await world.settle();
    expect([world.said, world.advertiser.counters.refused]).toEqual([['1/b', '1/a'], 1]);
    world.advertiser.remove(key('/a'));
    world.add('/c');
    await world.settle();
    expect(world.said).toEqual(['1/b', '1/a', '1/c']);
  });

  it('lists what it does', async () => {
    const world = new World({ concurrency: 1 }, () => 0);
    world.add('/a');
    await world.settle();
    world.records.latencyMs = 1000;
    world.add('/c', '/b');
    await world.settle();
    expect(world.advertiser.list()).toEqual([
      { ...key('/a'), state: 'advertised', advertisedAtMs: world.clock.wallMs(), nextInMs: 240_000 },
      { ...key('/c'), state: 'waiting', advertisedAtMs: null, nextInMs: 0 },
      { ...key('/b'), state: 'advertising', advertisedAtMs: null, nextInMs: 0 },
    ]);
  });

  it('stops with all that is under way', async () => {
    const world = new World({ concurrency: 1 });
    world.records.latencyMs = 1000;
    world.add('/a', '/b');
    await world.settle();
    world.advertiser.stop();
    world.add('/c');
    await world.pass(600_000, 1000);
    expect([world.said, world.told, world.clock.pending]).toEqual([['1/b'], [], 0]);
    expect(world.records.provided[0]!.signal.aborted).toBe(true);
  });
});

describe('a node that has moved', () => {
  it('says everything again, as news, also what is under way', async () => {
    const world = new World();
    world.add('/a', '/b');
    await world.settle();
    world.records.latencyMs = 1000;
    world.add('/c');
    await world.settle();
    expect([world.told.toSorted(), world.said.toSorted()]).toEqual([
      ['/a', '/b'],
      ['1/a', '1/b', '1/c'],
    ]);
    world.records.latencyMs = 0;
    world.advertiser.sayAgain();
    await world.pass(100);
    expect(world.said.slice(3).sort()).toEqual(['1/a', '1/b', '1/c']);
    expect(world.records.provided[2]!.signal.aborted).toBe(true);
    expect(world.told.slice(2).sort()).toEqual(['/a', '/b', '/c']);
    await world.pass(60_000, 1000);
    expect(world.said).toHaveLength(6);
  });
});

describe('a directory that grows', () => {
  it.each([
    [1, 2, true],
    [3, 5, false],
    [3, 6, true],
    [40, 55, false],
    [40, 56, true],
    [40, 20, false],
  ])('from %i to %i nodes that are known: said again %s', async (before, now, isAgain) => {
    const world = new World();
    world.records.peers = before;
    world.add('/a', '/b');
    await world.settle();
    expect(world.told).toHaveLength(2);
    await world.pass(10_000, 1000);
    expect(world.said).toHaveLength(2);
    world.records.peers = now;
    await world.pass(10_000, 1000);
    expect(world.said).toHaveLength(isAgain ? 4 : 2);
    // Whoever looked meanwhile may have missed it.
    expect(world.told).toHaveLength(isAgain ? 4 : 2);
    await world.pass(20_000, 1000);
    expect(world.said).toHaveLength(isAgain ? 4 : 2);
  });

  it('is not looked at by one that has stopped', async () => {
    const world = new World();
    world.add('/a');
    await world.settle();
    world.advertiser.stop();
    expect(world.clock.pending).toBe(0);
  });
});
