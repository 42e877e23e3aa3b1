import { describe, expect, it } from 'vitest';
import { Rig } from './testing/rig.ts';

const fault = (): never => {
  throw new Error('bad');
};

describe('a callback that throws', () => {
  it('as a warning of one consumer costs nobody an event', async () => {
    const rig = await Rig.start();
    await rig.subscriptions.create({ name: 'bad', selector: { kind: 'all' }, queueSize: 2, window: 1 });
    await rig.create();
    const seen: number[] = [];
    const sink = { deliver: ({ position }: { position: number }) => void seen.push(position), end() {}, warn: fault };
    const bad = rig.subscriptions.attach('bad', { name: 'b' }, sink);
    await rig.settle();
    const good = await rig.attach({ acks: true });
    await rig.append('a', 0, 1, 2, 3, 4, 5);
    for (let i = 0; i < 6; i++) bad.ack(i);
    await rig.settle();
    for (let i = 0; i < 6; i++) bad.ack(i);
    await rig.settle();
    expect(good.data).toEqual([0, 1, 2, 3, 4, 5]);
    expect(rig.info.checkpoint).toBe(5);
    expect(rig.subscriptions.get('bad').counts.warnings).toBeGreaterThan(0);
    expect(seen.slice(0, 3)).toEqual([0, 1, 2]);
  });

  it('as a listener for commits costs nobody an event', async () => {
    const rig = await Rig.start();
    await rig.create();
    const heard: number[] = [];
    rig.service.onCommitted(fault);
    rig.service.onCommitted((events) => heard.push(...events.map(({ position }) => position)));
    const good = await rig.attach({ acks: true });
    await rig.append('a', 0, 1);
    expect([good.data, heard]).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it.each(['onWarning', 'onCaughtUp'] as const)('as %s of a reader ends that reader with the error', async (name) => {
    const rig = await Rig.start();
    await rig.create();
    const options = { selector: { kind: 'all' }, from: 'start', queueSize: 2, [name]: fault } as const;
    const reader = rig.service.catchUp(options)[Symbol.asyncIterator]();
    const got: unknown[] = [];
    const first = reader.next().then(
      ({ value }) => got.push(value.data),
      (error: Error) => got.push(error.message),
    );
    await rig.settle();
    const good = await rig.attach({ acks: true });
    await rig.append('a', 0, 1, 2, 3);
    await first;
    const rest = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.next();
        if (done === true) return;
        got.push(value.data);
      }
    };
    await rest().catch((error: Error) => got.push(error.message));
    expect(got.at(-1)).toBe('bad');
    expect(got).toHaveLength(name === 'onWarning' ? 4 : 1);
    expect(good.data).toEqual([0, 1, 2, 3]);
  });
});
