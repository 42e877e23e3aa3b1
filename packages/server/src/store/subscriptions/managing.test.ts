import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { Rig } from './testing/rig.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('managing subscriptions', () => {
  it('pause stops delivery, what is in hand may be answered, resume goes on; both outlive a crash', async () => {
    const rig = await Rig.start();
    await rig.create({ window: 1 });
    const recorder = await rig.attach();
    await rig.append('a', 0, 1);
    await rig.subscriptions.pause('sub');
    recorder.consumer.ack(0);
    await rig.append('a', 2);
    expect(recorder.data).toEqual([0]);
    expect(rig.info).toMatchObject({ state: 'paused', checkpoint: 0, lagEvents: 2 });
    await rig.advance(300);
    await rig.crash();
    const next = await rig.attach({ acks: true });
    expect([rig.info.state, next.data]).toEqual(['paused', []]);
    await rig.subscriptions.resume('sub');
    await rig.settle();
    expect(next.data).toEqual([1, 2]);
    await rig.append('a', 3);
    expect(next.data).toEqual([1, 2, 3]);
  });

  it('pause that cannot be stored has not happened', async () => {
    const rig = await Rig.start();
    await rig.create();
    const recorder = await rig.attach();
    rig.engine.fault = () => new PlexusError('store_full', { file: 'x' });
    await expect(rig.subscriptions.pause('sub')).rejects.toThrow(code('store_full'));
    rig.engine.fault = null;
    await rig.append('a', 0);
    expect([rig.info.state, recorder.data]).toEqual(['running', [0]]);
  });

  it('reset goes back or forth, lets consumers go, and forgets what is parked', async () => {
    const rig = await Rig.start();
    await rig.create();
    const first = await rig.attach();
    await rig.append('a', 0, 1, 2);
    first.consumer.nack(0, 'park', '');
    first.consumer.ack(1);
    await rig.advance(300);
    await rig.subscriptions.reset('sub', 'start');
    expect(first.ended).toBe('reset');
    first.consumer.ack(2);
    expect(rig.info).toMatchObject({ checkpoint: -1, parked: 0, consumers: 0, inFlight: 0 });
    expect((await rig.attach({ acks: true })).data).toEqual([0, 1, 2]);
    await rig.subscriptions.reset('sub', 1);
    await rig.advance(5000);
    expect(await rig.stored()).toBe(0);
    await rig.subscriptions.reset('sub', 'now');
    await rig.append('a', 3);
    expect((await rig.attach()).data).toEqual([3]);
    await expect(rig.subscriptions.reset('sub', -1)).rejects.toThrow(code('bad_request'));
  });

  it('delete lets consumers go; the name may be used again', async () => {
    const rig = await Rig.start();
    await rig.append('a', 0);
    await rig.create();
    const recorder = await rig.attach({ acks: true });
    await rig.subscriptions.delete('sub');
    expect(recorder.ended).toBe('deleted');
    expect(() => rig.info).toThrow(code('subscription_not_found'));
    await rig.create();
    await rig.advance(3000);
    expect(await rig.stored()).toBe(-1);
    expect((await rig.attach()).data).toEqual([0]);
  });

  it('lists by name, after a restart too', async () => {
    const rig = await Rig.start();
    for (const name of ['b', 'c', 'a']) await rig.create({ name });
    const names = () => rig.subscriptions.list().map(({ definition }) => definition.name);
    expect(names()).toEqual(['a', 'b', 'c']);
    await rig.crash();
    expect(names()).toEqual(['a', 'b', 'c']);
    expect(rig.subscriptions.get('a').definition).toEqual({
      name: 'a',
      selector: { kind: 'all' },
      from: 'start',
      strategy: 'by_stream',
      poolSize: 16,
      window: 100,
      ackTimeoutMs: 30_000,
      maxRetries: 10,
      queueSize: 1000,
      whenFull: 'block',
    });
  });

  it('refuses what is there, what is not there, and what makes no sense', async () => {
    const rig = await Rig.start();
    await rig.create({ poolSize: 1 });
    await expect(rig.create()).rejects.toThrow(code('subscription_exists'));
    for (const name of ['pause', 'resume', 'delete'] as const) {
      await expect(rig.subscriptions[name]('none')).rejects.toThrow(code('subscription_not_found'));
    }
    await expect(rig.subscriptions.listParked('none', -1, 1)).rejects.toThrow(code('subscription_not_found'));
    await rig.attach();
    expect(() => rig.attachNow()).toThrow(expect.objectContaining({ code: 'quota_exceeded' }));
    const bad = [
      { name: '' },
      { name: 'x', selector: { kind: 'none' } as never },
      { name: 'x', from: -1 },
      { name: 'x', from: 'end' as never },
      { name: 'x', poolSize: 0 },
      { name: 'x', window: 1.5 },
      { name: 'x', maxRetries: -1 },
      { name: 'x', queueSize: 1e9 },
      { name: 'x', ackTimeoutMs: Number.NaN },
      { name: 'x', strategy: 'random' as never },
      { name: 'x', whenFull: 'explode' as never },
      { name: 'x', colour: 'red' } as never,
    ];
    for (const parts of bad) await expect(rig.create(parts)).rejects.toThrow(code('bad_request'));
  });
});

describe('the lag in seconds', () => {
  it('is the age of the first event that is not done', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.append('a', 0);
    await rig.advance(5000);
    await rig.append('a', 1);
    expect(rig.info).toMatchObject({ lagS: 5, lagEvents: 2 });
    const recorder = await rig.attach();
    await rig.advance(1000);
    expect(rig.info.lagS).toBe(6);
    recorder.consumer.ack(0);
    expect(rig.info.lagS).toBe(1);
    recorder.consumer.ack(1);
    expect(rig.info.lagS).toBe(0);
  });

  it('is known at the first question, of one that was loaded and of one that was left', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.append('a', 0);
    const recorder = await rig.attach();
    await rig.advance(1000);
    recorder.consumer.close();
    await rig.settle();
    expect(rig.info.lagS).toBe(1);
    await rig.advance(4000);
    await rig.crash();
    expect(rig.info.lagS).toBe(5);
  });

  it('is known at the first question, of one that nobody was ever there for', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.append('a', 0);
    await rig.advance(60_000);
    expect(rig.info.lagS).toBe(60);
  });
});

describe('an answer of the store that never came', () => {
  const loseAnswer = (rig: Rig): void => {
    const write = rig.engine.write.bind(rig.engine);
    rig.engine.write = async (operation, request) => {
      await write(operation, request);
      rig.engine.write = write;
      throw new PlexusError('timeout', { what: 'x', timeoutMs: 1 });
    };
  };

  it('to create leaves a subscription that the next try finds', async () => {
    const rig = await Rig.start();
    loseAnswer(rig);
    await expect(rig.create()).rejects.toThrow(code('timeout'));
    // Until then the store takes it for the same request, told again.
    rig.clock.advance(31_000);
    await expect(rig.create()).rejects.toThrow(code('subscription_exists'));
    expect(rig.info).toMatchObject({ state: 'running', checkpoint: -1 });
    await rig.append('a', 0);
    expect((await rig.attach()).data).toEqual([0]);
    await rig.subscriptions.delete('sub');
    await rig.create();
  });

  it('to delete leaves nothing after the next try', async () => {
    const rig = await Rig.start();
    await rig.create();
    const recorder = await rig.attach();
    loseAnswer(rig);
    await expect(rig.subscriptions.delete('sub')).rejects.toThrow(code('timeout'));
    await expect(rig.subscriptions.delete('sub')).rejects.toThrow(code('subscription_not_found'));
    expect(recorder.ended).toBe('deleted');
    expect(() => rig.info).toThrow(code('subscription_not_found'));
    await rig.create();
    expect(rig.info.consumers).toBe(0);
  });
});

describe('the number of parked events', () => {
  it.each([...Array(12).keys()])('is right when one is dropped and answered %i turns later', async (turns) => {
    for (const answer of ['ack', 'park'] as const) {
      const rig = await Rig.start();
      await rig.create();
      await rig.append('a', 0, 1);
      const { consumer } = await rig.attach();
      consumer.nack(0, 'park', 'x');
      consumer.ack(1);
      await rig.settle();
      await rig.subscriptions.replayParked('sub', null);
      await rig.settle();
      const dropped = rig.subscriptions.dropParked('sub', null);
      for (let i = 0; i < turns; i++) await Promise.resolve();
      if (answer === 'ack') consumer.ack(0);
      else consumer.nack(0, 'park', 'y');
      await dropped;
      await rig.advance(1000);
      expect([answer, rig.info.parked]).toEqual([answer, (await rig.parked()).length]);
    }
  });
});
