import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { VirtualProcess } from './virtual-process.ts';
import { VirtualTime } from './virtual-time.ts';

function rig(rate = 1) {
  const time = new VirtualTime();
  const clockError = { skewMs: 0, rate };
  const faults: unknown[] = [];
  const process = new VirtualProcess('p', time, new Random('p'), clockError, (error) => faults.push(error));
  return { time, clockError, process, faults };
}

describe('VirtualProcess', () => {
  it('does nothing while it is stopped, and then timers, input and immediates, in that order', async () => {
    const { time, process } = rig();
    const happened: string[] = [];
    process.clock.setImmediate(() => happened.push('immediate'));
    process.suspend();
    time.at(5, () => process.input(() => happened.push('input')));
    process.clock.setTimeout(() => happened.push('late timer'), 20);
    process.clock.setTimeout(() => happened.push('timer'), 10);
    await time.runUntil(30);
    expect(happened).toEqual([]);
    process.resume();
    await time.runUntil(31);
    expect(happened).toEqual(['timer', 'late timer', 'input', 'immediate']);
  });

  it('does nothing once it was killed', async () => {
    const { time, process } = rig();
    const happened: string[] = [];
    process.clock.setInterval(() => happened.push('tick'), 10);
    process.clock.setImmediate(() => happened.push('immediate'));
    process.kill();
    process.input(() => happened.push('input'));
    await time.runUntil(50);
    expect(happened).toEqual([]);
    expect(time.pending).toBe(0);
  });

  it('fires an interval again and again until it is cancelled, and not twice for time it was stopped', async () => {
    const { time, process } = rig();
    const at: number[] = [];
    const timer = process.clock.setInterval(() => at.push(time.now), 10);
    time.at(15, () => process.suspend());
    time.at(47, () => process.resume());
    time.at(75, () => timer.cancel());
    await time.runUntil(200);
    expect(at).toEqual([10, 47, 57, 67]);
  });

  it('does not fire a timer that was cancelled while it was stopped', async () => {
    const { time, process } = rig();
    const happened: string[] = [];
    const second = { cancel: () => {} };
    process.clock.setTimeout(() => second.cancel(), 1);
    second.cancel = process.clock.setTimeout(() => happened.push('second'), 2).cancel;
    process.suspend();
    time.at(10, () => process.resume());
    await time.runUntil(20);
    expect(happened).toEqual([]);
  });

  it('has clocks that are wrong: the wall clock may jump, the other may only be fast or slow', async () => {
    const { time, process, clockError } = rig(2);
    const [start, wall] = [process.clock.now(), process.clock.wallMs()];
    let fired = 0;
    process.clock.setTimeout(() => {
      fired = time.now;
    }, 100);
    await time.runUntil(100);
    expect(fired).toBe(50);
    expect(process.clock.now() - start).toBeCloseTo(200);
    clockError.skewMs = -5000;
    expect(process.clock.wallMs() - wall).toBe(200 - 5000);
    expect(process.clock.now() - start).toBeCloseTo(200);
  });

  it('reports what would have ended a real process', () => {
    const { process, faults } = rig();
    process.input(() => {
      throw new Error('uncaught');
    });
    expect(faults).toEqual([new Error('uncaught')]);
  });
});
