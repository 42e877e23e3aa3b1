import { PlexusError } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../lib/log.ts';
import type { Consumer } from '../subscription.ts';
import { Rig } from './testing/rig.ts';

const MiB = 1024 * 1024;

describe('a consumer that leaves while another subscription is shown an event', () => {
  it('does not take with it the event that it was not shown yet', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.subscriptions.create({ name: 'other', selector: { kind: 'all' } });
    let second: Consumer | null = null;
    const first: Consumer = rig.subscriptions.attach(
      'other',
      { name: 'o' },
      {
        deliver: ({ position }) => {
          first.ack(position);
          if (position === 1) second!.close();
        },
        end: () => {},
      },
    );
    await rig.settle();
    const left = await rig.attach({ acks: true });
    second = left.consumer;
    await rig.append('a', 0, 1, 2);
    expect(left.data).toEqual([0]);
    expect(rig.info.checkpoint).toBe(0);
    expect((await rig.attach({ acks: true })).data).toEqual([1, 2]);
    expect(rig.info.checkpoint).toBe(2);
  });

  it('and joins again in the middle of a batch, as the only one, gets each event once and what comes later', async () => {
    const rig = await Rig.start();
    await rig.create();
    const leaving = await rig.attach();
    let joined: ReturnType<Rig['attachNow']> | null = null;
    const { deliver } = leaving;
    leaving.deliver = (event, attempt) => {
      deliver.call(leaving, event, attempt);
      leaving.consumer.ack(event.position);
      leaving.consumer.close();
      joined = rig.attachNow({ acks: true });
    };
    const events = [0, 1, 2].map((data) => ({ type: 't', data }));
    await rig.engine.append({ writes: [{ stream: 'a', events }] });
    await rig.settle();
    await rig.append('a', 3);
    await rig.advance(500);
    expect(leaving.data).toEqual([0]);
    expect(joined!.data).toEqual([1, 2, 3]);
  });
});

describe('events in hand of a consumer that leaves', () => {
  it('come no closer to being parked, however often that happens', async () => {
    const rig = await Rig.start();
    await rig.create({ maxRetries: 2 });
    await rig.append('a', 0, 1, 2, 3, 4, 5, 6);
    for (let session = 0; session < 6; session++) {
      const { consumer, got } = await rig.attach();
      expect(got[0]!.event.data).toBe(session);
      consumer.ack(session);
      consumer.close();
    }
    expect(await rig.parked()).toEqual([]);
    const last = await rig.attach();
    expect([last.data, last.attempts]).toEqual([[6], [3]]);
    last.consumer.nack(6, 'retry', 'bad');
    expect(await rig.parked()).toEqual([[6, 'bad', 3]]);
  });

  it('are read again for the next, with their attempts, before anything that follows', async () => {
    const rig = await Rig.start();
    await rig.create();
    for (let i = 0; i < 60; i++) await rig.appendEvent(`s${i % 7}`, { type: 't', data: i });
    const first = await rig.attach();
    for (let i = 1; i < 60; i += 3) first.consumer.ack(i);
    first.consumer.close();
    for (let i = 60; i < 70; i++) await rig.appendEvent(`s${i % 7}`, { type: 't', data: i });
    const readFrom: number[] = [];
    const read = rig.engine.read.bind(rig.engine);
    rig.engine.read = (operation, request) => {
      if ('from' in request) readFrom.push(request.from as number);
      return read(operation, request);
    };
    const left = [...Array(60).keys()].filter((i) => i % 3 !== 1);
    const second = await rig.attach();
    expect(readFrom.slice(0, 3)).toEqual([0, 2, 5]);
    expect(second.data).toEqual([...left, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69]);
    expect(second.attempts).toEqual([...left.map(() => 2), ...Array(10).fill(1)]);
    for (const { event } of second.got) second.consumer.ack(event.position);
    expect(rig.info).toMatchObject({ checkpoint: 69, inFlight: 0 });
  });

  it('do not bring back what was parked before a restart', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.append('a', 0, 1, 2, 3);
    const { consumer } = await rig.attach();
    consumer.nack(2, 'park', 'bad');
    await rig.settle();
    await rig.crash();
    // It sees the first and leaves; what follows was read, is forgotten, and is read again.
    (await rig.attach({ window: 1 })).consumer.close();
    const second = await rig.attach({ acks: true });
    expect([second.data, await rig.parked()]).toEqual([[0, 1, 3], [[2, 'bad', 1]]]);
    second.consumer.close();
    expect((await rig.attach()).data).toEqual([]);
    expect(rig.info).toMatchObject({ checkpoint: 3, parked: 1 });
  });

  it('are not lost by one that leaves while they are read, or by a store that cannot be read', async () => {
    const rig = await Rig.start();
    await rig.create();
    const first = await rig.attach();
    await rig.append('a', 0, 1, 2);
    first.consumer.close();
    rig.attachNow().consumer.close();
    const second = rig.attachNow();
    await Promise.resolve();
    second.consumer.close();
    rig.engine.fault = () => new PlexusError('timeout', { what: 'x', timeoutMs: 1 });
    const third = await rig.attach();
    expect(third.data).toEqual([]);
    rig.engine.fault = null;
    await rig.advance(1100);
    expect([third.data, third.attempts]).toEqual([
      [0, 1, 2],
      [2, 2, 2],
    ]);
  });
});

describe('the window of a consumer', () => {
  it('is bounded by bytes too, and opens again', async () => {
    const rig = await Rig.start();
    await rig.create();
    const data = 'x'.repeat(MiB - 10_000);
    for (let i = 0; i < 20; i++) await rig.appendEvent('a', { type: 't', data });
    const recorder = await rig.attach();
    expect(recorder.got.length).toBe(17);
    for (let i = 0; i < 5; i++) recorder.consumer.ack(i);
    await rig.settle();
    expect(recorder.got.length).toBe(20);
  });
});

describe('a queue that fills up', () => {
  it('is said in the log, but not all the time', async () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const rig = await Rig.start({ log: createLogger({ level: 'warn', destination }) });
    await rig.create({ queueSize: 4, window: 1 });
    const { consumer } = await rig.attach();
    for (let i = 0; i < 40; i++) await rig.append('a', i);
    for (let i = 0; i < 20; i++) {
      consumer.ack(i);
      await rig.settle();
    }
    expect(rig.info.counts.warnings).toBeGreaterThan(2);
    const said = (): unknown[] => lines.map((line) => JSON.parse(line));
    const filling = { event: 'store_queue_filling', subscription: 'sub', queued: 4, bound: 4 };
    expect(said()).toEqual([expect.objectContaining(filling)]);
    await rig.service.stop();
    expect(said()).toMatchObject([filling, { ...filling, suppressed: rig.stats.warnings - 2 }]);
  });
});
