import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { Rig } from './testing/rig.ts';

describe('an event that is refused', () => {
  it('with retry comes again, up to maxRetries, and then is parked', async () => {
    const rig = await Rig.start();
    await rig.create({ maxRetries: 2 });
    const recorder = await rig.attach();
    await rig.append('a', 'x');
    for (let i = 0; i < 3; i++) recorder.consumer.nack(0, 'retry', `no ${i}`);
    expect(recorder.attempts).toEqual([1, 2, 3]);
    await rig.settle();
    expect(await rig.parked()).toEqual([[0, 'no 2', 3]]);
    expect(rig.info).toMatchObject({ parked: 1, checkpoint: 0, inFlight: 0 });
    expect(rig.stats).toMatchObject({ delivered: 3, retried: 2, parked: 1, acknowledged: 0 });
  });

  it('with park is put aside at once, with skip it counts as acknowledged', async () => {
    const rig = await Rig.start();
    await rig.create();
    const { consumer } = await rig.attach();
    await rig.append('a', 0, 1);
    consumer.nack(0, 'park', 'bad \ud800');
    consumer.nack(1, 'skip', 'why');
    await rig.settle();
    expect(await rig.parked()).toEqual([[0, 'bad \ufffd', 1]]);
    expect(rig.info.checkpoint).toBe(1);
  });

  it('is durably parked before the checkpoint passes it', async () => {
    const rig = await Rig.start();
    await rig.create();
    const { consumer } = await rig.attach();
    await rig.append('a', 0, 1);
    rig.engine.fault = (operation) =>
      operation === 'saveProgress' ? new PlexusError('store_full', { file: 'x' }) : null;
    consumer.nack(0, 'park', 'bad');
    consumer.ack(1);
    await rig.advance(500);
    expect(rig.info).toMatchObject({ checkpoint: -1, parked: 0 });
    rig.engine.fault = null;
    await rig.advance(1500);
    expect(rig.info).toMatchObject({ checkpoint: 1, parked: 1 });
    await rig.crash();
    expect(rig.info).toMatchObject({ checkpoint: 1, parked: 1 });
  });

  it('with stop stops the subscription before it, until it is resumed', async () => {
    const rig = await Rig.start();
    await rig.create({ maxRetries: 0 });
    const recorder = await rig.attach();
    await rig.append('a', 0, 1);
    recorder.consumer.ack(0);
    recorder.consumer.nack(1, 'stop', 'help');
    expect(recorder.ended).toBe('stopped');
    await rig.settle();
    expect(rig.info).toMatchObject({ state: 'stopped', checkpoint: 0, consumers: 0, parked: 0 });
    const next = await rig.attach();
    await rig.append('a', 2);
    expect(next.data).toEqual([]);
    await rig.crash();
    expect(rig.info.state).toBe('stopped');
    const last = await rig.attach();
    await rig.subscriptions.resume('sub');
    await rig.settle();
    expect(last.data).toEqual([1, 2]);
  });
});

describe('a consumer that does not answer', () => {
  it('is let go with ack_timeout, and what it had goes to another, with attempts counted', async () => {
    const rig = await Rig.start();
    await rig.create({ ackTimeoutMs: 1000 });
    const slow = await rig.attach();
    await rig.append('a', 0, 1);
    await rig.advance(900);
    slow.consumer.ack(0);
    await rig.append('a', 2);
    await rig.advance(100);
    expect(slow.ended).toBe('ack_timeout');
    slow.consumer.ack(1);
    const other = await rig.attach();
    expect(other.data).toEqual([1, 2]);
    expect(other.attempts).toEqual([2, 2]);
  });

  it('has its time counted from each delivery', async () => {
    const rig = await Rig.start();
    await rig.create({ ackTimeoutMs: 1000 });
    const consumer = await rig.attach();
    for (let i = 0; i < 5; i++) {
      await rig.append('a', i);
      await rig.advance(900);
      expect(consumer.ended).toBeNull();
      if (i < 4) consumer.consumer.nack(i, 'retry', '');
      await rig.advance(50);
      consumer.consumer.ack(i);
    }
    await rig.advance(5000);
    expect(consumer.ended).toBeNull();
  });

  it('again and again leaves the event parked', async () => {
    const rig = await Rig.start();
    await rig.create({ ackTimeoutMs: 100, maxRetries: 1 });
    await rig.append('a', 'poison');
    for (const attempt of [1, 2]) {
      const consumer = await rig.attach();
      expect(consumer.attempts).toEqual([attempt]);
      await rig.advance(100);
      expect(consumer.ended).toBe('ack_timeout');
    }
    await rig.advance(200);
    expect(await rig.parked()).toEqual([[0, 'not answered: ack_timeout', 2]]);
    expect((await rig.attach()).data).toEqual([]);
    expect(rig.info.checkpoint).toBe(0);
  });

  it('or throws is let go with failed', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.append('a', 0);
    const ends: unknown[] = [];
    const sink = {
      deliver: () => {
        throw new Error('sink');
      },
      end: (reason: string) => void ends.push(reason),
    };
    rig.subscriptions.attach('sub', { name: 'bad' }, sink);
    await rig.settle();
    expect(ends).toEqual(['failed']);
    expect((await rig.attach()).attempts).toEqual([2]);
  });
});

describe('parked events', () => {
  const parkAll = async (count: number, maxRetries = 0): Promise<Rig> => {
    const rig = await Rig.start();
    await rig.create({ maxRetries });
    const recorder = await rig.attach();
    await rig.append('a', ...Array.from({ length: count }, (_, i) => i));
    for (let i = 0; i < count; i++) recorder.consumer.nack(i, 'park', `r${i}`);
    recorder.consumer.close();
    await rig.settle();
    return rig;
  };

  it('are listed by pages, in order', async () => {
    const rig = await parkAll(3);
    const first = await rig.subscriptions.listParked('sub', -1, 2);
    expect(first.items.map(({ event, reason }) => [event.data, reason])).toEqual([
      [0, 'r0'],
      [1, 'r1'],
    ]);
    const rest = await rig.subscriptions.listParked('sub', first.next!, 2);
    expect(rest.items.map(({ event }) => event.data)).toEqual([2]);
    expect(rest.next).toBeNull();
  });

  it('are delivered again, and stay parked until they are acknowledged', async () => {
    const rig = await parkAll(3);
    const recorder = await rig.attach();
    expect(await rig.subscriptions.replayParked('sub', [2, 0, 7])).toBe(2);
    await rig.settle();
    expect([recorder.data, recorder.attempts]).toEqual([
      [0, 2],
      [1, 1],
    ]);
    expect(rig.info.parked).toBe(3);
    recorder.consumer.ack(0);
    recorder.consumer.nack(2, 'retry', 'still bad');
    await rig.advance(300);
    expect(await rig.parked()).toEqual([
      [1, 'r1', 1],
      [2, 'still bad', 1],
    ]);
    expect(rig.info.parked).toBe(2);
    await rig.crash();
    expect(rig.info.parked).toBe(2);
  });

  it('are delivered again once, however often that is asked for, and when somebody comes', async () => {
    const rig = await parkAll(30, 1);
    expect(await rig.subscriptions.replayParked('sub', null)).toBe(30);
    expect(await rig.subscriptions.replayParked('sub', null)).toBe(0);
    const gone = await rig.attach({ window: 5 });
    expect(gone.data).toHaveLength(5);
    gone.consumer.close();
    const recorder = await rig.attach({ acks: true });
    expect(recorder.data).toEqual(Array.from({ length: 30 }, (_, i) => i));
    await rig.advance(300);
    expect(await rig.parked()).toEqual([]);
    expect(rig.info.parked).toBe(0);
  });

  it('are dropped, those on their way again too', async () => {
    const rig = await parkAll(4);
    expect(await rig.subscriptions.dropParked('sub', [1, 9])).toBe(1);
    const recorder = await rig.attach({ window: 1 });
    await rig.subscriptions.replayParked('sub', [0, 2]);
    await rig.settle();
    expect(await rig.subscriptions.dropParked('sub', null)).toBe(3);
    expect(rig.info.parked).toBe(0);
    recorder.consumer.nack(0, 'park', 'again');
    await rig.settle();
    expect(await rig.parked()).toEqual([[0, 'again', 1]]);
    expect(rig.info.parked).toBe(1);
  });
});
