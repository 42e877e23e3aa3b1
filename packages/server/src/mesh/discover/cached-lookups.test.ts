import { describe, expect, it } from 'vitest';
import type { PeerTarget } from '../../peer/channel.ts';
import { LOOKUP_DEFAULTS } from './lookup-options.ts';
import { scene, subscribers } from './testing/lookup-scene.ts';

const A = subscribers('/a');
const B = subscribers('/b');
const { ttlMs, coveredIdleTtlMs } = LOOKUP_DEFAULTS;
const causes = (lookups: ReturnType<typeof scene>['lookups']) => lookups.counters.queries.subscriber;

describe('what nobody has asked for', () => {
  it('is asked once, and tells of each peer while it goes on', async () => {
    const { lookups, plant, pass, heard, asked, shown } = scene({ directory: { recordDelayMs: 100 } });
    plant(A, 'p');
    plant(A, 'q');
    expect(lookups.get(A)).toEqual({ targets: new Map(), isComplete: false });
    expect(lookups.get(A).isComplete).toBe(false);
    await pass(150);
    expect(heard).toEqual(['found subscriber r /a p']);
    expect(shown(A)).toEqual(['p']);
    expect(lookups.get(A).isComplete).toBe(false);
    await pass(100);
    expect(heard).toEqual(['found subscriber r /a p', 'found subscriber r /a q', 'end subscriber r /a']);
    expect(lookups.get(A).isComplete).toBe(true);
    expect(lookups.get(A).targets.get('q')).toEqual({ peerId: 'q', addresses: ['/memory/q'] });
    expect(asked).toHaveLength(1);
    expect(lookups.counters).toMatchObject({ hits: 2, misses: 4, failed: 0 });
    expect(causes(lookups)).toEqual({ first: 1, refresh: 0, renew: 0 });
  });

  it('tells nothing from within the call, even if the directory does', async () => {
    const { lookups, heard, settle, plant, pass } = scene({ directory: { delayMs: 0 } });
    plant(A, 'p');
    lookups.get(A);
    expect(heard).toEqual([]);
    await settle();
    await pass(1);
    expect(heard).toHaveLength(2);
  });

  it('may be asked anew by whoever hears of the end', async () => {
    const { lookups, pass, asked } = scene();
    lookups.onEnd = (key) => {
      lookups.get(key);
      lookups.cancel(key);
      if (asked.length === 1) lookups.renew(key);
    };
    lookups.get(A);
    await pass(1000);
    expect(asked).toHaveLength(2);
    expect(lookups.pending()).toEqual([]);
  });
});

describe('what is forgotten', () => {
  it('is asked anew, and not used meanwhile', async () => {
    const { lookups, pass, asked, plant, shown } = scene({ directory: { delayMs: 100 } });
    lookups.get(A);
    await pass(200);
    expect(lookups.get(A).isComplete).toBe(true);
    plant(A, 'p');
    lookups.forget(A);
    expect(lookups.peek(A)).toBe(null);
    expect(lookups.get(A).isComplete).toBe(false);
    await pass(200);
    expect(shown(A)).toEqual(['p']);
    expect(asked).toHaveLength(2);
  });

  it('keeps the query that is under way', async () => {
    const { lookups, pass, asked } = scene({ directory: { delayMs: 100 } });
    lookups.get(A);
    await pass(200);
    lookups.renew(A);
    await pass(50);
    lookups.forget(A);
    expect(lookups.get(A).isComplete).toBe(false);
    await pass(1000);
    expect(lookups.get(A).isComplete).toBe(true);
    expect(asked.length).toBe(2);
  });

  it('may be something of which nothing is known', () => {
    expect(() => scene().lookups.forget(A)).not.toThrow();
  });
});

describe('keys of the directory', () => {
  it('are all asked in one query, and what they have is one', async () => {
    const { lookups, setEpochs, plant, pass, heard, asked, shown } = scene();
    setEpochs(1, 2);
    plant(A, 'p', 1);
    plant(A, 'p', 2);
    plant(A, 'q', 2);
    lookups.get(A);
    await pass(100);
    expect(asked.map(({ at }) => at)).toEqual([0, 0]);
    expect(shown(A)).toEqual(['p', 'q']);
    expect(heard.filter((line) => line.endsWith(' p'))).toHaveLength(1);
    expect(causes(lookups).first).toBe(1);
  });

  it('are none without a token: complete and empty, and nothing is kept', async () => {
    const { lookups, setEpochs, pass, asked, heard } = scene();
    setEpochs();
    expect(lookups.get(A)).toEqual({ targets: new Map(), isComplete: true });
    lookups.renew(A);
    await pass(100);
    expect([lookups.size, asked.length, heard.length]).toEqual([0, 0, 0]);
    setEpochs(1);
    expect(lookups.get(A).isComplete).toBe(false);
  });

  it('that have gone take what is known with them, when it is asked for again', async () => {
    const { lookups, setEpochs, plant, pass, heard } = scene();
    plant(A, 'p');
    lookups.get(A);
    await pass(100);
    setEpochs();
    lookups.get(A);
    await pass(ttlMs);
    expect(lookups.size).toBe(0);
    expect(heard.at(-1)).toBe('end subscriber r /a');
    expect(lookups.isOutOfReach).toBe(false);
  });
});

describe('an answer', () => {
  it.each([
    ['with targets', true],
    ['without any', false],
  ])('%s is good until it expires, with jitter', async (_, any) => {
    for (const random of [0, 0.999]) {
      const { lookups, plant, pass, asked, clock } = scene({ random: () => random });
      if (any) plant(A, 'p');
      lookups.get(A);
      await pass(10, 10);
      await pass(ttlMs * (0.9 + 0.1 * random) - 100, 100);
      expect(lookups.peek(A)?.isComplete).toBe(true);
      await pass(200);
      expect(lookups.peek(A)).toBe(null);
      expect([asked.length, clock.pending]).toEqual([1, 0]);
    }
  });

  it('that is used is refreshed at about 80 % of its time, and nobody waits', async () => {
    for (const [random, share] of [
      [0, 0.75],
      [0.999, 0.85],
    ] as const) {
      const { lookups, plant, pass, asked, shown } = scene({ random: () => random, directory: { delayMs: 100 } });
      plant(A, 'p');
      lookups.get(A);
      await pass(100);
      lookups.get(A);
      await pass(ttlMs * share - 100, 100);
      expect(asked).toHaveLength(1);
      await pass(200);
      expect(asked).toHaveLength(2);
      for (let i = 0; i < 20 * 60; i++) {
        expect([lookups.get(A).isComplete, ...shown(A)]).toEqual([true, 'p']);
        await pass(1000, 1000);
        if (i % 120 === 0) plant(A, 'p');
      }
      expect(causes(lookups)).toMatchObject({ first: 1, renew: 0 });
      expect(causes(lookups).refresh).toBeGreaterThan(20);
    }
  });

  it('that is used late, but before it expires, is refreshed then', async () => {
    const { lookups, pass, asked } = scene();
    lookups.get(A);
    await pass(100);
    await pass(ttlMs * 0.87, 100);
    expect(asked).toHaveLength(1);
    expect(lookups.get(A).isComplete).toBe(true);
    await pass(0);
    expect(asked).toHaveLength(2);
    expect(lookups.get(A).isComplete).toBe(true);
  });

  it('loses who is not found again, at the end of a refresh', async () => {
    const { lookups, plant, forget, pass, shown } = scene({ directory: { recordDelayMs: 100 } });
    plant(A, 'gone');
    plant(A, 'p');
    lookups.get(A);
    await pass(300, 10);
    forget(A, 'gone');
    plant(A, 'new');
    lookups.renew(A);
    await pass(150, 10);
    expect(shown(A)).toEqual(['gone', 'p']);
    await pass(70, 10);
    expect(shown(A)).toEqual(['p', 'new'].sort());
  });

  it('loses nobody when the refresh fails, and stays in use while it is asked for again', async () => {
    const { lookups, plant, pass, shown, me, heard } = scene();
    plant(A, 'p');
    lookups.get(A);
    await pass(100);
    me.isOutOfReach = true;
    for (let i = 0; i < 280; i++) {
      expect([lookups.get(A).isComplete, ...shown(A)]).toEqual([true, 'p']);
      await pass(1000, 500);
    }
    expect(heard.filter((line) => line.startsWith('failed')).length).toBeGreaterThan(5);
    expect(causes(lookups).first).toBe(1);
    me.isOutOfReach = false;
    await pass(31_000, 500);
    expect(shown(A)).toEqual(['p']);
    expect(lookups.isOutOfReach).toBe(false);
  });

  it('has a bounded number of targets; those found last count', async () => {
    const { lookups, plant, forget, pass, shown } = scene({
      lookups: { maxTargetsPerKey: 2 },
      directory: { recordDelayMs: 100 },
    });
    for (const peerId of ['p', 'q', 'r']) plant(A, peerId);
    lookups.get(A);
    await pass(500);
    expect(shown(A)).toEqual(['p', 'q']);
    expect(lookups.counters.refusedTargets).toBe(1);
    forget(A, 'p');
    forget(A, 'q');
    plant(A, 's');
    lookups.renew(A);
    await pass(160, 10);
    expect(shown(A)).toEqual(['q', 'r']);
    await pass(100, 10);
    expect(shown(A)).toEqual(['r', 's']);
  });

  it('is a snapshot', async () => {
    const { lookups, plant, pass } = scene();
    plant(A, 'p');
    lookups.get(A);
    await pass(100);
    const before = lookups.get(A).targets;
    expect(lookups.get(A).targets).toBe(before);
    plant(A, 'q');
    lookups.renew(A);
    await pass(100);
    expect([before.size, lookups.get(A).targets.size]).toEqual([1, 2]);
  });
});

describe('a query that fails', () => {
  it('counts as complete for a moment, which doubles up to half a minute', async () => {
    const { lookups, pass, me, asked } = scene({ directory: { delayMs: 0 } });
    me.isOutOfReach = true;
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      expect(lookups.get(A).isComplete).toBe(false);
      await pass(0);
      const before = asked.length;
      await pass(seconds * 1000 - 100, 100);
      expect([seconds, lookups.get(A).isComplete, asked.length]).toEqual([seconds, true, before]);
      await pass(100);
    }
    me.isOutOfReach = false;
    expect(lookups.get(A).isComplete).toBe(false);
    await pass(100);
    me.isOutOfReach = true;
    lookups.renew(A);
    await pass(0);
    await pass(1000);
    lookups.get(A);
    await pass(0);
    // From the beginning again.
    expect(asked.length).toBe(10);
  });

  it('is one that passes its deadline; what it has found is kept', async () => {
    const { lookups, plant, pass, heard, shown, asked } = scene({ directory: { recordDelayMs: 3000 } });
    plant(A, 'p');
    plant(A, 'q');
    lookups.get(A);
    await pass(4900);
    expect(lookups.pending()).toEqual([{ ...A, ageMs: 4900, leftMs: 100, found: 1 }]);
    await pass(200);
    expect(heard).toEqual(['found subscriber r /a p', 'failed subscriber r /a']);
    expect([lookups.get(A).isComplete, ...shown(A)]).toEqual([true, 'p']);
    expect(asked[0]!.isOver).toBe(true);
    // Somebody has answered.
    expect(lookups.isOutOfReach).toBe(false);
    await pass(3000);
    expect(heard).toHaveLength(2);
  });

  it('ends at its deadline though the directory does not; what that says later is not heard', async () => {
    const { lookups, pass, me, heard, shown } = scene({ lookups: { concurrency: 1 } });
    let late: ((target: PeerTarget) => void) | null = null;
    const find = me.find.bind(me);
    me.find = (_key, found) => {
      late = found;
      return new Promise(() => undefined);
    };
    lookups.get(A);
    await pass(4900);
    me.find = find;
    lookups.get(B);
    await pass(200);
    late!({ peerId: 'late', addresses: [] });
    expect(shown(A)).toEqual([]);
    expect(heard).toEqual(['failed subscriber r /a', 'end subscriber r /b']);
  });

  it('puts the directory out of reach with two others, until one succeeds', async () => {
    const { lookups, pass, me } = scene();
    let healed = 0;
    lookups.onReachable = () => healed++;
    me.isOutOfReach = true;
    for (const path of ['/a', '/b', '/c']) {
      expect(lookups.isOutOfReach).toBe(false);
      lookups.get(subscribers(path));
      await pass(100);
    }
    expect([lookups.isOutOfReach, healed]).toEqual([true, 0]);
    me.isOutOfReach = false;
    lookups.get(subscribers('/d'));
    await pass(100);
    expect([lookups.isOutOfReach, healed]).toEqual([false, 1]);
    lookups.get(subscribers('/e'));
    await pass(100);
    expect(healed).toBe(1);
  });
});

describe('a renewal', () => {
  it('asks whatever is known, and does not count as use', async () => {
    const { lookups, pass, asked } = scene();
    lookups.renew(A);
    await pass(2000);
    lookups.renew(A);
    await pass(100);
    expect(causes(lookups)).toEqual({ first: 0, refresh: 0, renew: 2 });
    await pass(2 * ttlMs, 500);
    expect([asked.length, lookups.size]).toEqual([2, 0]);
  });

  it('comes behind a query that began before it, once however often it is asked', async () => {
    const { lookups, pass, asked } = scene({ directory: { delayMs: 100 } });
    lookups.get(A);
    await pass(50);
    lookups.renew(A);
    lookups.renew(A);
    expect(asked).toHaveLength(1);
    await pass(1000);
    expect(asked.map(({ at }) => at)).toEqual([0, 100]);
  });

  it('is the query itself while that waits for its turn, which comes before what is in the background', async () => {
    const { lookups, pass, asked, me } = scene({ lookups: { concurrency: 1, deadlineMs: 100_000 } });
    for (const key of [A, B]) lookups.get(key);
    await pass(100);
    for (const key of [A, B]) lookups.get(key);
    me.isSilent = true;
    lookups.get(subscribers('/slow'));
    await pass(ttlMs * 0.85, 100);
    asked.length = 0;
    me.isSilent = false;
    lookups.renew(B);
    lookups.cancel(subscribers('/slow'));
    await pass(1000);
    expect(asked.map(({ key }) => key)).toEqual(['subscriber r /b', 'subscriber r /a']);
    expect(causes(lookups)).toEqual({ first: 3, refresh: 1, renew: 1 });
  });

  it('of one key comes once a second; those between are put off, not dropped', async () => {
    const { lookups, pass, asked } = scene();
    for (let i = 0; i < 29; i++) {
      lookups.renew(A);
      await pass(100);
    }
    expect(asked.map(({ at }) => at)).toEqual([0, 1000, 2000]);
    await pass(2000);
    expect(asked.map(({ at }) => at)).toEqual([0, 1000, 2000, 3000]);
  });

  it('is not cancelled with the first query that it came behind', async () => {
    const { lookups, pass, asked } = scene({ directory: { delayMs: 100 } });
    lookups.get(A);
    await pass(50);
    lookups.renew(A);
    lookups.cancel(A);
    await pass(50);
    expect(asked.map(({ at, isOver }) => [at, isOver])).toEqual([
      [0, true],
      [50, false],
    ]);
  });

  it('that was put off is not cancelled with the first query that came in its stead', async () => {
    const { lookups, pass, asked, me } = scene({ lookups: { failedTtlMs: 100 } });
    me.isOutOfReach = true;
    lookups.renew(A);
    await pass(50);
    lookups.renew(A);
    await pass(150);
    expect(lookups.get(A).isComplete).toBe(false);
    lookups.cancel(A);
    await pass(0);
    expect(asked.map(({ at, isOver }) => [at, isOver])).toEqual([
      [0, true],
      [200, false],
    ]);
    expect(causes(lookups)).toEqual({ first: 0, refresh: 0, renew: 2 });
  });
});

describe('covered keys', () => {
  const paths = Array.from({ length: 10 }, (_, i) => `/${i}`);

  it('share a rate, those answered longest ago first, and stay in use until their turn', async () => {
    const { lookups, covered, pass, asked } = scene();
    for (const path of paths) covered.add(path);
    for (const path of [...paths].reverse()) {
      lookups.get(subscribers(path));
      await pass(1000);
    }
    asked.length = 0;
    for (let second = 0; second < 150; second++) {
      for (const path of paths) expect(lookups.get(subscribers(path)).isComplete).toBe(true);
      await pass(1000, 500);
    }
    const order = asked.map(({ key }) => key.at(-1));
    expect(order.slice(0, 20)).toEqual([...'98765432109876543210']);
    for (let i = 1; i < asked.length; i++) expect(asked[i]!.at - asked[i - 1]!.at).toBeGreaterThanOrEqual(2000);
  });

  it('that are not used are not refreshed, but last longer', async () => {
    const { lookups, covered, pass, asked } = scene();
    for (const path of paths) covered.add(path);
    for (const path of paths) lookups.get(subscribers(path));
    await pass(coveredIdleTtlMs - 1000, 500);
    expect([asked.length, lookups.size]).toEqual([10, 10]);
    expect(lookups.get(subscribers('/0')).isComplete).toBe(true);
    await pass(2000);
    expect([asked.length, lookups.size]).toEqual([11, 1]);
  });

  it('that were neither covered nor used for a while are not known any more', async () => {
    const { lookups, covered, pass } = scene({ lookups: { coveredRatePerS: 0.001 } });
    const keys = ['/used', '/turn', '/idle'].map((path) => subscribers(path)) as [typeof A, typeof A, typeof A];
    const [used, turn] = keys;
    for (const key of keys) {
      covered.add(key.path);
      lookups.get(key);
    }
    await pass(1000);
    for (const key of [used, turn]) lookups.get(key);
    for (let i = 0; i < 200; i++) {
      await pass(1000, 500);
      expect(lookups.get(used).isComplete).toBe(true);
    }
    expect(keys.map((key) => lookups.peek(key)?.isComplete)).toEqual([true, true, true]);
    covered.clear();
    expect(keys.map((key) => lookups.peek(key)?.isComplete)).toEqual([true, false, false]);
    for (let i = 0; i < 2; i++) {
      expect(keys.map((key) => lookups.get(key).isComplete)).toEqual([true, false, false]);
    }
    await pass(100);
    expect(keys.map((key) => lookups.get(key).isComplete)).toEqual([true, true, true]);
  });

  it('that are covered no more are refreshed at once', async () => {
    const { lookups, covered, pass, asked } = scene({ lookups: { coveredRatePerS: 0.001 } });
    for (const key of [A, B]) {
      covered.add(key.path);
      lookups.get(key);
    }
    for (let i = 0; i < 90; i++) {
      await pass(1000, 500);
      for (const key of [A, B]) lookups.get(key);
    }
    expect(asked).toHaveLength(3);
    covered.clear();
    expect(lookups.get(B).isComplete).toBe(true);
    await pass(100);
    expect(asked).toHaveLength(4);
  });
});

describe('bounds', () => {
  it('of keys: the one not used for longest goes first, one with a query last', async () => {
    const { lookups, pass, me, heard } = scene({ lookups: { maxKeys: 3 } });
    const [c, d, e] = ['/c', '/d', '/e'].map((path) => subscribers(path)) as [typeof A, typeof A, typeof A];
    for (const key of [A, B]) lookups.get(key);
    await pass(100);
    lookups.get(A);
    me.isSilent = true;
    lookups.get(c);
    lookups.get(d);
    expect([A, B, c, d].map((key) => lookups.peek(key) !== null)).toEqual([true, false, true, true]);
    lookups.get(e);
    expect([A, c, d, e].map((key) => lookups.peek(key) !== null)).toEqual([false, true, true, true]);
    heard.length = 0;
    lookups.get(A);
    expect(heard).toEqual([]);
    await pass(0);
    await pass(1);
    // Whoever waits for it hears that there is nothing to wait for.
    expect(heard).toEqual(['failed subscriber r /c']);
    expect([lookups.size, lookups.counters.evictions]).toEqual([3, 3]);
  });

  it('of queries: the others wait in order, first ones before refreshes', async () => {
    const { lookups, pass, asked } = scene({ lookups: { concurrency: 2 }, directory: { delayMs: 1000 } });
    lookups.get(A);
    await pass(1000);
    lookups.get(A);
    await pass(ttlMs * 0.8 - 500, 100);
    asked.length = 0;
    const late = Array.from({ length: 6 }, (_, i) => subscribers(`/late/${i}`));
    for (const key of late) lookups.get(key);
    expect([lookups.runningQueries, lookups.waitingQueries]).toEqual([2, 4]);
    await pass(600);
    expect(lookups.pending().at(-1)).toEqual({ ...A, ageMs: expect.any(Number), leftMs: 5000, found: 0 });
    await pass(4000);
    expect(asked.map(({ key }) => key.slice('subscriber r '.length))).toEqual([...late.map(({ path }) => path), '/a']);
  });

  it('of time: a first query that has no turn fails; that says nothing of the directory', async () => {
    const { lookups, pass, me, heard } = scene({ lookups: { concurrency: 1, outOfReachAfter: 2 } });
    me.isSilent = true;
    for (const path of ['/a', '/b', '/c', '/d']) lookups.get(subscribers(path));
    await pass(5000);
    expect(heard.map((line) => line.split(' ')[0])).toEqual(['failed', 'failed', 'failed', 'failed']);
    expect([lookups.counters.failed, lookups.isOutOfReach]).toEqual([4, false]);
    lookups.get(subscribers('/e'));
    await pass(5000);
    expect(lookups.isOutOfReach).toBe(true);
  });
});

describe('a peer that was wrong', () => {
  it('is left out under every key for a while, and not told of', async () => {
    const { lookups, plant, pass, shown, heard } = scene();
    for (const key of [A, B]) plant(key, 'wrong');
    plant(A, 'p');
    lookups.get(A);
    await pass(100);
    lookups.wasWrong('wrong');
    expect(shown(A)).toEqual(['p']);
    heard.length = 0;
    lookups.get(B);
    await pass(100);
    expect([lookups.get(B).isComplete, ...shown(B)]).toEqual([true]);
    expect(heard).toEqual(['end subscriber r /b']);
    for (let i = 0; i < 60; i++) {
      shown(A);
      await pass(1000, 500);
    }
    expect(shown(A)).toEqual(['p', 'wrong']);
    expect(lookups.wrongPeers).toBe(0);
  });

  it('is shown at once when it is here after all, or when all are forgiven', async () => {
    const { lookups, plant, pass, shown } = scene();
    for (const peerId of ['p', 'q', 'r']) plant(A, peerId);
    lookups.get(A);
    await pass(100);
    for (const peerId of ['p', 'q', 'r']) lookups.wasWrong(peerId);
    expect(shown(A)).toEqual([]);
    lookups.wasRight('q');
    lookups.wasRight('nobody');
    expect(shown(A)).toEqual(['q']);
    lookups.forgive();
    expect([shown(A), lookups.wrongPeers]).toEqual([['p', 'q', 'r'], 0]);
  });

  it('is one of a bounded number: beyond, the first get another chance', async () => {
    const { lookups, plant, pass, shown } = scene({ lookups: { maxWrongPeers: 2 } });
    for (const peerId of ['p', 'q', 'r']) plant(A, peerId);
    lookups.get(A);
    await pass(100);
    for (const peerId of ['p', 'q', 'p', 'r']) lookups.wasWrong(peerId);
    expect(shown(A)).toEqual(['q']);
    expect([lookups.wrongPeers, lookups.forgottenWrongPeers]).toEqual([2, 1]);
  });
});

describe('the end', () => {
  it('of one first query: it is aborted and forgotten, without a word', async () => {
    const { lookups, pass, asked, heard } = scene({ directory: { delayMs: 100 } });
    lookups.get(A);
    await pass(50);
    lookups.cancel(A);
    expect([asked[0]!.isOver, lookups.size, lookups.pending().length]).toEqual([true, 0, 0]);
    await pass(1000);
    expect(heard).toEqual([]);
    lookups.cancel(A);
    lookups.renew(A);
    lookups.cancel(A);
    await pass(1000);
    expect(heard).toEqual(['end subscriber r /a']);
    lookups.cancel(A);
    expect(lookups.get(A).isComplete).toBe(true);
  });

  it('of all: nothing is asked, told or left to do any more', async () => {
    const { lookups, pass, asked, heard, clock, covered, me } = scene({ lookups: { concurrency: 2 } });
    covered.add('/a');
    for (const path of ['/a', '/b', '/c']) lookups.get(subscribers(path));
    await pass(100);
    for (const path of ['/a', '/b']) lookups.get(subscribers(path));
    await pass(ttlMs * 0.9, 100);
    lookups.renew(B);
    lookups.renew(B);
    me.isSilent = true;
    for (let i = 0; i < 5; i++) lookups.get(subscribers(`/new/${i}`));
    await pass(10);
    const before = [asked.length, heard.length];
    lookups.stop();
    lookups.renew(A);
    expect(lookups.get(A)).toEqual({ targets: new Map<string, PeerTarget>(), isComplete: true });
    expect(asked.every(({ isOver }) => isOver)).toBe(true);
    await pass(ttlMs, 100);
    expect([asked.length, heard.length]).toEqual(before);
    expect([clock.pending, lookups.size, lookups.runningQueries, lookups.waitingQueries]).toEqual([0, 0, 0, 0]);
  });
});
