import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { Rig } from './testing/rig.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('a persistent subscription', () => {
  it('delivers from the start what its selector means, then what is appended', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0, 1);
    await rig.append('b', 2);
    await rig.create({ selector: { kind: 'stream', stream: 'a' } });
    const consumer = await rig.attach({ acks: true });
    expect(consumer.take()).toEqual([0, 1]);
    await rig.append('b', 3);
    await rig.append('a', 4);
    expect(consumer.take()).toEqual([4]);
    expect(consumer.attempts).toEqual([]);
    expect(rig.info).toMatchObject({ checkpoint: 4, lagEvents: 0, lagS: 0, inFlight: 0, consumers: 1 });
  });

  it.each([
    ['start' as const, [0, 1, 2]],
    ['now' as const, [2]],
    [1, [1, 2]],
    [3, []],
  ])('from %s delivers %j', async (from, expected) => {
    const rig = await Rig.start();
    await rig.append('a', 0, 1);
    await rig.create({ from });
    await rig.append('a', 2);
    expect((await rig.attach({ acks: true })).data).toEqual(expected);
  });

  it('reads nothing while nobody is there', async () => {
    const rig = await Rig.start();
    await rig.create();
    expect(rig.engine.listener).toBeNull();
    const consumer = await rig.attach();
    expect(rig.engine.listener).not.toBeNull();
    consumer.consumer.close();
    expect(rig.engine.listener).toBeNull();
    expect(consumer.ended).toBe('closed');
  });

  it('does not deliver before attach has returned', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0);
    await rig.create();
    const consumer = rig.attachNow();
    expect(consumer.got).toEqual([]);
    await rig.settle();
    expect(consumer.data).toEqual([0]);
  });

  it('keeps to the window, and to the smaller one that a consumer asks for', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0, 1, 2, 3, 4);
    await rig.create({ window: 3 });
    const small = await rig.attach({ window: 2 });
    expect(small.data).toEqual([0, 1]);
    small.consumer.ack(1);
    expect(small.data).toEqual([0, 1, 2]);
    small.consumer.close();
    const large = await rig.attach({ window: 100 });
    expect(large.data).toEqual([0, 2, 3]);
  });

  it('in pull mode delivers what was asked for, up to the window', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0, 1, 2, 3, 4);
    await rig.create({ window: 3 });
    const consumer = await rig.attach({ pull: true });
    expect(consumer.data).toEqual([]);
    consumer.consumer.request(2);
    expect(consumer.take()).toEqual([0, 1]);
    consumer.consumer.request(5);
    expect(consumer.take()).toEqual([2]);
    for (const position of [0, 1, 2]) consumer.consumer.ack(position);
    expect(consumer.take()).toEqual([3, 4]);
    await rig.append('a', 5, 6, 7);
    expect(consumer.take()).toEqual([5]);
    for (const bad of [0, -1, 1.5, Number.NaN]) consumer.consumer.request(bad);
    for (const position of [3, 4, 5]) consumer.consumer.ack(position);
    // Two more were asked for while the window was full.
    expect(consumer.take()).toEqual([6]);
  });
});

describe('a checkpoint', () => {
  it('is everything up to which all is done, whatever the order of acknowledgements', async () => {
    const rig = await Rig.start();
    await rig.create();
    const { consumer } = await rig.attach();
    await rig.append('a', 0, 1, 2, 3);
    consumer.ack(2);
    consumer.ack(1);
    expect(rig.info.checkpoint).toBe(-1);
    consumer.ack(0);
    expect(rig.info.checkpoint).toBe(2);
    consumer.ack(99);
    consumer.ack(2);
    expect(rig.info).toMatchObject({ checkpoint: 2, inFlight: 1, lagEvents: 1 });
  });

  it('is stored within 200 ms, many in one write', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.subscriptions.create({ name: 'other', selector: { kind: 'all' } });
    let writes = 0;
    rig.engine.fault = (operation) => {
      if (operation === 'saveProgress') writes++;
      return null;
    };
    await rig.attach({ acks: true });
    const sink = { deliver: () => {}, end: () => {} };
    const other = rig.subscriptions.attach('other', { name: 'x' }, sink);
    await rig.append('a', 0, 1, 2);
    other.ack(0);
    expect(await rig.stored()).toBe(-1);
    await rig.advance(200);
    expect(await rig.stored()).toBe(2);
    expect(writes).toBe(1);
    await rig.advance(1000);
    expect(writes).toBe(1);
  });

  it('moves on, at a slower pace, past events of no interest', async () => {
    const rig = await Rig.start();
    await rig.create({ selector: { kind: 'stream', stream: 'a' } });
    await rig.attach();
    await rig.append('b', 0, 1, 2);
    expect(rig.info).toMatchObject({ checkpoint: 2, lagEvents: 0 });
    await rig.advance(2100);
    expect(await rig.stored()).toBe(2);
  });

  it('is what delivery goes on from after a crash; what was not stored comes again', async () => {
    const rig = await Rig.start();
    await rig.create();
    const before = await rig.attach();
    await rig.append('a', 0, 1, 2, 3);
    before.consumer.ack(0);
    before.consumer.ack(2);
    await rig.advance(200);
    before.consumer.ack(1);
    await rig.crash();
    expect(rig.info.checkpoint).toBe(0);
    expect((await rig.attach()).data).toEqual([1, 2, 3]);
  });

  it('is stored at stop, with nothing left behind', async () => {
    const rig = await Rig.start();
    await rig.create();
    const consumer = await rig.attach({ acks: true });
    await rig.append('a', 0, 1);
    await rig.service.stop();
    await rig.service.stop();
    expect(consumer.ended).toBe('shutting_down');
    expect(await rig.stored()).toBe(1);
    expect(rig.engine.listener).toBeNull();
    expect(rig.clock.pending).toBe(0);
    expect(() => rig.attachNow()).toThrow(code('shutting_down'));
    await expect(rig.create({ name: 'late' })).rejects.toThrow(code('shutting_down'));
  });

  it('is stored later when the store cannot write just now', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.attach({ acks: true });
    rig.engine.fault = (operation) =>
      operation === 'saveProgress' ? new PlexusError('store_full', { file: 'x' }) : null;
    await rig.append('a', 0);
    await rig.advance(3000);
    expect(await rig.stored()).toBe(-1);
    rig.engine.fault = null;
    await rig.advance(1100);
    expect(await rig.stored()).toBe(0);
  });
});

describe('when all consumers are gone', () => {
  it('what was acknowledged out of order does not come again', async () => {
    const rig = await Rig.start();
    await rig.create({ window: 4 });
    const first = await rig.attach();
    await rig.append('a', 0, 1, 2, 3, 4, 5);
    first.consumer.ack(1);
    first.consumer.ack(3);
    first.consumer.close();
    await rig.append('a', 6);
    const second = await rig.attach({ acks: true });
    expect(second.data).toEqual([0, 2, 4, 5, 6]);
    expect(second.attempts).toEqual([2, 2, 2, 2, 1]);
    expect(rig.info.checkpoint).toBe(6);
  });

  it('and one goes in the middle of a delivery, nothing is skipped', async () => {
    const rig = await Rig.start();
    await rig.create();
    const consumer = await rig.attach();
    const { deliver } = consumer;
    consumer.deliver = (event, attempt) => {
      deliver.call(consumer, event, attempt);
      consumer.consumer.close();
    };
    await rig.append('a', 0);
    await rig.append('a', 1);
    expect(consumer.data).toEqual([0]);
    const next = await rig.attach();
    expect([next.data, next.attempts]).toEqual([
      [0, 1],
      [2, 1],
    ]);
  });
});

describe('a store that cannot be read', () => {
  it('for a while is asked again', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0);
    await rig.create();
    rig.engine.fault = (operation) =>
      operation === 'readEvents' ? new PlexusError('timeout', { what: 'x', timeoutMs: 1 }) : null;
    const recorder = await rig.attach();
    await rig.advance(3000);
    expect([recorder.data, recorder.ended]).toEqual([[], null]);
    rig.engine.fault = null;
    await rig.advance(1100);
    expect(recorder.data).toEqual([0]);
  });

  it('at all ends its consumers with the error', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0);
    await rig.create();
    const damage = new PlexusError('store_damaged', { file: 'f', problem: 'p', position: 0 });
    rig.engine.fault = (operation) => (operation === 'readEvents' ? damage : null);
    const recorder = await rig.attach();
    expect([recorder.ended, recorder.error]).toEqual(['failed', damage]);
  });
});
