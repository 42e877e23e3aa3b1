import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { directFirst } from './relay-race.ts';

function scene() {
  const clock = new FakeClock();
  const direct = Promise.withResolvers<string | null>();
  const relayed = Promise.withResolvers<string | null>();
  const begun: string[] = [];
  let signals: AbortSignal[] = [];
  const way =
    (name: string, { promise }: PromiseWithResolvers<string | null>) =>
    (signal: AbortSignal) => {
      begun.push(name);
      signals = [...signals, signal];
      return promise;
    };
  const controller = new AbortController();
  const result = directFirst(way('direct', direct), way('relayed', relayed), clock, controller.signal);
  const settle = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let i = 0; i < 10; i++) await null;
  };
  return { direct, relayed, begun, result, settle, controller, aborted: () => signals.every((each) => each.aborted) };
}

describe('a peer with direct addresses and relays', () => {
  it('is not looked for over relays when it answers directly', async () => {
    const { direct, result, begun, settle } = scene();
    await settle(999);
    direct.resolve('direct');
    expect(await result).toBe('direct');
    await settle(5000);
    expect(begun).toEqual(['direct']);
  });

  it('is looked for over relays as soon as the direct way has failed', async () => {
    const { direct, relayed, result, begun, settle } = scene();
    direct.resolve(null);
    await settle(0);
    expect(begun).toEqual(['direct', 'relayed']);
    relayed.resolve('relayed');
    expect(await result).toBe('relayed');
  });

  it('is looked for both ways after a second; whoever is first aborts the other', async () => {
    const { relayed, result, begun, settle, aborted } = scene();
    await settle(1000);
    expect(begun).toEqual(['direct', 'relayed']);
    expect(aborted()).toBe(false);
    relayed.resolve('relayed');
    expect(await result).toBe('relayed');
    expect(aborted()).toBe(true);
  });

  it('may be reached directly when the relay fails first, or not at all', async () => {
    const one = scene();
    await one.settle(1000);
    one.relayed.resolve(null);
    await one.settle(0);
    one.direct.resolve('direct');
    expect(await one.result).toBe('direct');
    const none = scene();
    none.direct.resolve(null);
    none.relayed.resolve(null);
    expect(await none.result).toBeNull();
  });

  it('is not looked for over relays after the caller has given up', async () => {
    const { direct, result, begun, settle, controller } = scene();
    controller.abort();
    direct.resolve(null);
    expect(await result).toBeNull();
    await settle(5000);
    expect(begun).toEqual(['direct']);
  });
});
