import { describe, expect, it } from 'vitest';
import type { ConsumedEvent } from './consume.ts';
import { Rig } from './testing/rig.ts';

describe('a consumer loop', () => {
  it('gets one event after the other, and leaves the group when it ends', async () => {
    const rig = await Rig.start();
    await rig.create();
    await rig.append('a', 0, 1, 2);
    const seen: unknown[] = [];
    for await (const { event, attempt, ack, nack } of rig.service.consume('sub')) {
      seen.push([event.data, attempt, rig.info.inFlight]);
      if (event.data === 1 && attempt === 1) nack();
      else ack();
      if (event.data === 2) break;
    }
    expect(seen).toEqual([
      [0, 1, 1],
      [1, 1, 1],
      [1, 2, 1],
      [2, 1, 1],
    ]);
    expect(rig.info).toMatchObject({ consumers: 0, checkpoint: 2 });
  });

  it('waits for what is appended, and ends with its signal', async () => {
    const rig = await Rig.start();
    await rig.create();
    const abort = new AbortController();
    const seen: unknown[] = [];
    const done = (async () => {
      for await (const { event, ack } of rig.service.consume('sub', { signal: abort.signal })) {
        seen.push(event.data);
        ack();
      }
    })();
    await rig.settle();
    await rig.append('a', 'x', 'y');
    expect(seen).toEqual(['x', 'y']);
    abort.abort();
    await done;
    expect(rig.info.consumers).toBe(0);
  });

  const next = (rig: Rig, name = 'sub'): Promise<IteratorResult<ConsumedEvent>> =>
    rig.service.consume(name)[Symbol.asyncIterator]().next();

  it('throws why it was let go', async () => {
    const rig = await Rig.start();
    await rig.create({ ackTimeoutMs: 100 });
    await expect(next(rig, 'none')).rejects.toMatchObject({ code: 'subscription_not_found' });
    const reset = next(rig);
    await rig.settle();
    const [, refused] = await Promise.all([rig.subscriptions.reset('sub', 'start'), reset.catch((error) => error)]);
    expect(refused).toMatchObject({ code: 'store_unavailable' });
    await rig.append('a', 0);
    const iterator = rig.service.consume('sub')[Symbol.asyncIterator]();
    expect((await iterator.next()).value.event.data).toBe(0);
    await rig.advance(100);
    await expect(iterator.next()).rejects.toMatchObject({ code: 'timeout' });
    const stopped = rig.service.consume('sub')[Symbol.asyncIterator]();
    await stopped.next();
    await rig.service.stop();
    await expect(stopped.next()).rejects.toMatchObject({ code: 'shutting_down' });
  });
});
