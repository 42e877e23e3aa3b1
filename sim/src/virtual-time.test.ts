import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { VirtualTime } from './virtual-time.ts';

describe('VirtualTime', () => {
  it('lets things happen by time, and at one time in the order they were scheduled', async () => {
    const time = new VirtualTime();
    const random = new Random('heap');
    const happened: number[] = [];
    const expected: { at: number; i: number }[] = [];
    for (let i = 0; i < 2000; i++) {
      const at = random.below(50);
      const event = time.at(at, () => {
        expect(time.now).toBe(at);
        happened.push(i);
      });
      if (random.chance(0.6)) event.cancel();
      else expected.push({ at, i });
    }
    expect(time.pending).toBe(expected.length);
    await time.runUntil(50);
    expected.sort((a, b) => a.at - b.at || a.i - b.i);
    expect(happened).toEqual(expected.map(({ i }) => i));
    expect(time.pending).toBe(0);
  });

  it('lets promises come to an end between two events, however long the chain', async () => {
    const time = new VirtualTime();
    const happened: string[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 200; i++) await Promise.resolve();
      happened.push('chain');
    };
    time.at(1, () => void chain());
    time.at(1, () => happened.push('next'));
    await time.runUntil(1);
    expect(happened).toEqual(['chain', 'next']);
  });

  it('ends when it was asked to, and where an event throws', async () => {
    const time = new VirtualTime();
    const happened: number[] = [];
    time.at(1, () => happened.push(1));
    time.at(2, () => {
      throw new Error('two');
    });
    time.at(3, () => {
      happened.push(3);
      time.stop();
    });
    time.at(4, () => happened.push(4));
    await expect(time.runUntil(10)).rejects.toThrow('two');
    await time.runUntil(10);
    expect(happened).toEqual([1, 3]);
    expect(time.now).toBe(3);
  });
});
