import { describe, expect, it } from 'vitest';
import { Turn } from '../lib/turn.ts';
import { FeedScheduler } from './feed-scheduler.ts';

function scene(): { scheduler: FeedScheduler; turns: (() => void)[] } {
  const turns: (() => void)[] = [];
  return { scheduler: new FeedScheduler(new Turn((run) => turns.push(run))), turns };
}

describe('retained messages for many new subscriptions', () => {
  it('take a bounded number of steps per turn, however many wait, and each has its turn', () => {
    const { scheduler, turns } = scene();
    const given = new Array<number>(1000).fill(0);
    given.forEach((_, i) => {
      const feeder = {
        feed(most: number): number {
          const steps = Math.min(most, 100 - given[i]!);
          given[i]! += steps;
          if (given[i]! < 100) scheduler.add(feeder);
          return steps;
        },
      };
      scheduler.add(feeder);
    });
    let before = 0;
    let most = 0;
    for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
      run();
      const now = given.reduce((sum, steps) => sum + steps, 0);
      most = Math.max(most, now - before);
      before = now;
    }
    expect(before).toBe(100_000);
    expect(most).toBeLessThanOrEqual(250);
    expect(turns).toHaveLength(0);
  });

  it('do not wait behind any number of others that can do nothing', () => {
    const { scheduler, turns } = scene();
    for (let i = 0; i < 10_000; i++) scheduler.add({ feed: () => 0 });
    let fed = false;
    scheduler.add({
      feed: () => {
        fed = true;
        return 1;
      },
    });
    let rounds = 0;
    for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
      run();
      rounds++;
    }
    expect(fed).toBe(true);
    expect(rounds).toBeLessThan(100);
  });
});
