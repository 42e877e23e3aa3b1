import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.ts';
import { Lifecycle, type LifecyclePart } from './lifecycle.ts';

function setUp(overrides: Record<string, LifecyclePart> = {}) {
  const clock = new FakeClock();
  const events: string[] = [];
  const lifecycle = new Lifecycle(clock, (part, error) => events.push(`error ${part}: ${(error as Error).message}`));
  for (const name of ['a', 'b', 'c']) {
    lifecycle.add(name, {
      start: () => void events.push(`start ${name}`),
      drain: () => void events.push(`drain ${name}`),
      stop: () => void events.push(`stop ${name}`),
      ...overrides[name],
    });
  }
  return { clock, events, lifecycle };
}

describe('lifecycle', () => {
  it('starts in order, drains and stops in reverse, each once', async () => {
    const { events, lifecycle, clock } = setUp();
    await Promise.all([lifecycle.start(), lifecycle.start()]);
    await Promise.all([lifecycle.drain(100), lifecycle.drain(100)]);
    await lifecycle.stop();
    expect(events.join(', ')).toBe('start a, start b, start c, drain c, drain b, drain a, stop c, stop b, stop a');
    expect(clock.pending).toBe(0);
  });

  it('stops what had started when a start fails, and says why', async () => {
    const start = () => Promise.reject(new Error('no port'));
    const { events, lifecycle } = setUp({ b: { start } });
    await expect(lifecycle.start()).rejects.toThrow('no port');
    expect(events).toEqual(['start a', 'stop a']);
    await lifecycle.stop();
    expect(events).toEqual(['start a', 'stop a']);
  });

  it('stops a part that was starting when stop was called, and starts no further one', async () => {
    let started = (): void => {};
    const start = () => new Promise<void>((resolve) => (started = resolve));
    const { events, lifecycle } = setUp({ b: { start, stop: () => void events.push('stop b') } });
    const starting = lifecycle.start();
    await Promise.resolve();
    const stopping = lifecycle.stop();
    started();
    await Promise.all([starting, stopping]);
    expect(events).toEqual(['start a', 'stop b', 'stop a']);
  });

  it('stops when the time to drain is over', async () => {
    const drain = () => new Promise<void>(() => {});
    const { clock, events, lifecycle } = setUp({ b: { drain } });
    await lifecycle.start();
    const drained = lifecycle.drain(100);
    await Promise.resolve();
    clock.advance(100);
    await drained;
    expect(events.slice(3)).toEqual(['drain c', 'stop c', 'stop b', 'stop a']);
  });

  it('reports a failing stop and goes on', async () => {
    const stop = () => Promise.reject(new Error('stuck'));
    const { events, lifecycle } = setUp({ b: { stop } });
    await lifecycle.start();
    await lifecycle.stop();
    expect(events.slice(3)).toEqual(['stop c', 'error b: stuck', 'stop a']);
  });
});
