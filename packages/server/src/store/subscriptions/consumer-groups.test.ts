import { describe, expect, it } from 'vitest';
import { type Recorder, Rig } from './testing/rig.ts';

const streamsOf = (recorder: Recorder): Set<string> => new Set(recorder.got.map(({ event }) => event.stream));
const STREAMS = Array.from({ length: 40 }, (_, i) => `s${i}`);

const appendToAll = async (rig: Rig, data: unknown): Promise<void> => {
  for (const stream of STREAMS) await rig.appendEvent(stream, { type: 't', data });
  await rig.settle();
};

const ackAll = (recorder: Recorder): void => {
  for (const { event } of [...recorder.got]) recorder.consumer.ack(event.position);
};

describe('by_stream', () => {
  it('gives every stream to one consumer, and each consumer some', async () => {
    const rig = await Rig.start();
    await rig.create();
    const all = [await rig.attach({ acks: true }), await rig.attach({ acks: true }), await rig.attach({ acks: true })];
    for (let i = 0; i < 3; i++) await appendToAll(rig, i);
    const owned = all.map(streamsOf);
    expect(owned.reduce((sum, { size }) => sum + size, 0)).toBe(STREAMS.length);
    for (const { size } of owned) expect(size).toBeGreaterThan(3);
  });

  it('lets a stream stay with its consumer when another goes', async () => {
    const rig = await Rig.start();
    await rig.create();
    const [a, b, c] = [await rig.attach({ acks: true }), await rig.attach({ acks: true }), await rig.attach()];
    await appendToAll(rig, 0);
    const before = [streamsOf(a), streamsOf(b)];
    const lost = streamsOf(c);
    c.consumer.close();
    await appendToAll(rig, 1);
    for (const [i, recorder] of [a, b].entries()) {
      for (const stream of before[i]!) expect(streamsOf(recorder)).toContain(stream);
    }
    // What was with the one that went came again, before what followed.
    for (const stream of lost) {
      const got = [...a.got, ...b.got].filter(({ event }) => event.stream === stream);
      expect(got.map(({ event, attempt }) => [event.data, attempt])).toEqual([
        [0, 2],
        [1, 1],
      ]);
    }
  });

  it('moves a stream to one that joins only when nothing of it is in flight, and takes what waits along', async () => {
    const rig = await Rig.start();
    await rig.create({ window: 1000 });
    const old = await rig.attach();
    await appendToAll(rig, 0);
    const fresh = await rig.attach();
    await appendToAll(rig, 1);
    const moving = STREAMS.filter((stream) => old.got.filter(({ event }) => event.stream === stream).length === 1);
    expect(moving.length).toBeGreaterThan(5);
    expect(moving.length).toBeLessThan(35);
    expect(fresh.got).toEqual([]);
    const [first] = moving;
    old.consumer.ack(old.got.find(({ event }) => event.stream === first)!.event.position);
    expect(fresh.got.map(({ event }) => [event.stream, event.data])).toEqual([[first, 1]]);
    ackAll(old);
    expect([...streamsOf(fresh)].sort()).toEqual([...moving].sort());
    old.consumer.close();
    ackAll(fresh);
    await appendToAll(rig, 2);
    expect(fresh.got.filter(({ event }) => event.data === 2)).toHaveLength(STREAMS.length);
  });

  it('when the one that a stream was to move to goes first, it stays', async () => {
    const rig = await Rig.start();
    await rig.create({ window: 1000 });
    const old = await rig.attach();
    await appendToAll(rig, 0);
    const fresh = await rig.attach();
    await appendToAll(rig, 1);
    fresh.consumer.close();
    expect(old.got.map(({ event }) => event.position).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 80 }, (_, i) => i),
    );
    expect(new Set(old.attempts)).toEqual(new Set([1]));
  });

  it('holds the later events of a stream back until one that is retried is answered', async () => {
    const rig = await Rig.start();
    await rig.create();
    const recorder = await rig.attach();
    await rig.append('a', 'a0', 'a1');
    recorder.consumer.nack(0, 'retry', '');
    await rig.append('a', 'a2');
    await rig.append('b', 'b0');
    expect(recorder.data).toEqual(['a0', 'a1', 'a0', 'b0']);
    recorder.consumer.nack(0, 'retry', '');
    recorder.consumer.nack(1, 'retry', '');
    expect(recorder.data.slice(4)).toEqual(['a0']);
    recorder.consumer.ack(0);
    expect(recorder.data.slice(5)).toEqual(['a1']);
    recorder.consumer.nack(1, 'park', '');
    expect(recorder.data.slice(6)).toEqual(['a2']);
    recorder.consumer.ack(2);
    recorder.consumer.ack(3);
    await rig.settle();
    expect(rig.info).toMatchObject({ checkpoint: 3, inFlight: 0, parked: 1 });
  });
});

describe('round_robin', () => {
  it('gives each event to the next that is free, and waits for no slow one', async () => {
    const rig = await Rig.start();
    await rig.create({ strategy: 'round_robin', window: 2 });
    const [slow, fast] = [await rig.attach(), await rig.attach({ acks: true })];
    await rig.append('a', 0, 1, 2, 3, 4, 5, 6, 7);
    expect(slow.data).toEqual([0, 2]);
    expect(fast.data).toEqual([1, 3, 4, 5, 6, 7]);
    slow.consumer.close();
    expect(fast.take().slice(-2)).toEqual([0, 2]);
    expect(rig.info.checkpoint).toBe(7);
  });

  it('holds what nobody has room for', async () => {
    const rig = await Rig.start();
    await rig.create({ strategy: 'round_robin', window: 1 });
    const [a, b] = [await rig.attach(), await rig.attach()];
    await rig.append('a', 0, 1, 2, 3);
    expect([a.data, b.data]).toEqual([[0], [1]]);
    b.consumer.ack(1);
    a.consumer.nack(0, 'retry', '');
    expect([a.data, b.data]).toEqual([
      [0, 0],
      [1, 2],
    ]);
  });
});

describe('single', () => {
  it('has one active consumer, the oldest; the next takes over', async () => {
    const rig = await Rig.start();
    await rig.create({ strategy: 'single' });
    const [a, b, c] = [await rig.attach(), await rig.attach(), await rig.attach()];
    await rig.append('x', 0);
    await rig.append('y', 1);
    expect([a.data, b.data, c.data]).toEqual([[0, 1], [], []]);
    a.consumer.ack(0);
    b.consumer.close();
    a.consumer.close();
    await rig.append('z', 2);
    expect(c.data).toEqual([1, 2]);
    expect(c.attempts).toEqual([2, 1]);
  });
});

describe('a pool', () => {
  it('takes poolSize consumers, and another when one has gone', async () => {
    const rig = await Rig.start();
    await rig.create({ poolSize: 2 });
    const first = await rig.attach();
    await rig.attach();
    expect(() => rig.attachNow()).toThrow(expect.objectContaining({ details: { limit: 'poolSize' } }));
    first.consumer.close();
    first.consumer.close();
    await rig.attach();
    expect(rig.info.consumers).toBe(2);
  });

  it('may change within a delivery and within an end', async () => {
    const rig = await Rig.start();
    await rig.create();
    const first = await rig.attach({ acks: true });
    const joined: Recorder[] = [];
    const { deliver, end } = first;
    first.deliver = (event, attempt) => {
      deliver.call(first, event, attempt);
      if (joined.length === 0) joined.push(rig.attachNow({ acks: true }));
      if (event.data === 3) first.consumer.close();
    };
    first.end = (...args) => {
      end.apply(first, args);
      joined.push(rig.attachNow({ acks: true }));
    };
    for (let i = 0; i < 20; i++) await rig.append(`s${i % 7}`, i < 10 ? i : 3);
    const others = joined.flatMap(({ data }) => data);
    expect(first.data.length + others.length).toBe(20);
    expect(joined.length).toBe(2);
    expect(rig.info).toMatchObject({ checkpoint: 19, consumers: 2 });
  });
});
