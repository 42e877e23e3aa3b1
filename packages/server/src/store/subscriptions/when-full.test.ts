import { describe, expect, it } from 'vitest';
import { Rig } from './testing/rig.ts';
import { MAX_QUEUE_BYTES } from './waiting-queue.ts';

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** A window of 2 and a queue of 3, in which nothing is answered. */
const stuck = async (whenFull: 'block' | 'drop_oldest' | 'drop_newest' | 'error', events: number) => {
  const rig = await Rig.start();
  await rig.create({ whenFull, window: 2, queueSize: 3 });
  const recorder = await rig.attach();
  await rig.append('a', ...numbers(0, events));
  return { rig, recorder };
};

describe('a full queue in front of a consumer', () => {
  it('with block stops reading and loses nothing', async () => {
    const { rig, recorder } = await stuck('block', 20);
    expect(recorder.data).toEqual([0, 1]);
    expect(rig.stats).toMatchObject({ queued: 3, dropped: 0 });
    for (let i = 0; i < 20; i++) {
      recorder.consumer.ack(i);
      await rig.settle();
    }
    expect(recorder.data).toEqual(numbers(0, 20));
    expect(rig.info).toMatchObject({ checkpoint: 19, lagEvents: 0 });
    await rig.append('a', 20);
    expect(recorder.data).toHaveLength(21);
  });

  it('with drop_oldest keeps the newest; those dropped count as acknowledged', async () => {
    const { rig, recorder } = await stuck('drop_oldest', 20);
    expect(rig.stats).toMatchObject({ queued: 3, dropped: 15 });
    recorder.consumer.ack(0);
    recorder.consumer.ack(1);
    expect(recorder.data).toEqual([0, 1, 17, 18]);
    expect(rig.info.checkpoint).toBe(16);
    for (const position of [17, 18, 19]) recorder.consumer.ack(position);
    expect(recorder.data).toEqual([0, 1, 17, 18, 19]);
    expect(rig.info.checkpoint).toBe(19);
  });

  it('with drop_newest keeps the oldest', async () => {
    const { rig, recorder } = await stuck('drop_newest', 20);
    expect(rig.stats).toMatchObject({ queued: 3, dropped: 15 });
    for (let i = 0; i < 5; i++) recorder.consumer.ack(i);
    expect(recorder.data).toEqual([0, 1, 2, 3, 4]);
    expect(rig.info.checkpoint).toBe(19);
    await rig.append('a', 20);
    expect(recorder.data).toEqual([0, 1, 2, 3, 4, 20]);
  });

  it('with error lets the consumer go, and what it had waits for the next', async () => {
    const { rig, recorder } = await stuck('error', 5);
    expect(recorder.ended).toBeNull();
    await rig.append('a', 5);
    expect([recorder.ended, recorder.error]).toMatchObject([
      'overflow',
      { code: 'consumer_overflow', details: { bound: 3 } },
    ]);
    expect(rig.info).toMatchObject({ consumers: 0, checkpoint: -1 });
    const next = await rig.attach({ acks: true });
    expect(next.data).toEqual([0, 1, 2, 3, 4, 5]);
    expect(next.attempts).toEqual([2, 2, 1, 1, 1, 1]);
    expect(rig.stats.dropped).toBe(0);
  });

  it('with error leaves the others of the group, who get what it had', async () => {
    const rig = await Rig.start();
    await rig.create({ whenFull: 'error', window: 1, queueSize: 2, strategy: 'round_robin' });
    const slow = await rig.attach();
    const fast = await rig.attach({ acks: true });
    slow.consumer.request(0);
    await rig.append('a', ...numbers(0, 10));
    expect(slow.ended).toBeNull();
    const second = await rig.attach();
    fast.consumer.close();
    await rig.append('a', ...numbers(10, 20));
    // Two windows of one and a queue of two for each: then the one that has waited longest goes.
    expect([slow.ended, second.ended]).toEqual(['overflow', 'overflow']);
    const last = await rig.attach({ acks: true });
    expect([...last.data].sort((a, b) => Number(a) - Number(b))).toEqual([0, ...numbers(10, 20)]);
    expect(rig.info.checkpoint).toBe(19);
  });

  it('is full with few large events too', async () => {
    const rig = await Rig.start();
    await rig.create({ window: 1 });
    const recorder = await rig.attach();
    const large = 'x'.repeat(1_000_000);
    await rig.append('a', ...numbers(0, 25).map(() => large));
    const { queued } = rig.stats;
    expect(queued).toBe(Math.ceil(MAX_QUEUE_BYTES / (large.length + 2 + 256)));
    for (let i = 0; i < 25; i++) {
      recorder.consumer.ack(i);
      await rig.settle();
    }
    expect(recorder.got).toHaveLength(25);
  });
});

describe('the warning', () => {
  it('comes at 80 %, once, and again after the queue was down to half', async () => {
    const rig = await Rig.start();
    await rig.create({ window: 1, queueSize: 10 });
    const recorder = await rig.attach();
    await rig.append('a', ...numbers(0, 8));
    expect(recorder.warnings).toEqual([]);
    await rig.append('a', 8);
    expect(recorder.warnings).toEqual([[8, 10]]);
    recorder.consumer.ack(0);
    await rig.append('a', 9);
    expect(recorder.warnings).toHaveLength(1);
    for (const position of [1, 2, 3, 4]) recorder.consumer.ack(position);
    await rig.append('a', ...numbers(10, 14));
    expect(recorder.warnings).toEqual([
      [8, 10],
      [8, 10],
    ]);
    expect(rig.stats.warnings).toBe(2);
  });

  it('is for all consumers where the queue is shared', async () => {
    const rig = await Rig.start();
    await rig.create({ window: 1, queueSize: 5, strategy: 'round_robin' });
    const [a, b] = [await rig.attach(), await rig.attach()];
    await rig.append('a', ...numbers(0, 10));
    expect([a.warnings, b.warnings]).toEqual([[[8, 10]], [[8, 10]]]);
  });
});
