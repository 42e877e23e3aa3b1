import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FrameType } from '../peer/frame-types.ts';
import type { StoredEvent } from '../store/event.ts';
import type { Store } from '../store/store.ts';
import type { Consumer, ConsumerEnd, ConsumerSink } from '../store/subscription.ts';
import { consume } from '../store/subscriptions/consume.ts';
import { appendAll, StoreCluster, type TestNode } from './testing/store-cluster.ts';

/** Other tests may keep the machine busy. */
const POLL = { timeout: 10_000 };

let dir: string;
let cluster: StoreCluster;
let a: TestNode;
let b: TestNode;
let far: Store;
let near: Store;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-remote-subs-'));
  cluster = new StoreCluster(dir);
  b = await cluster.add('b', { name: 'orders' });
  a = await cluster.add('a');
  far = a.stores.get('orders', 'default');
  near = b.stores.get('orders', 'default');
});
afterEach(async () => {
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

const codeOf = (asked: unknown): Promise<string> =>
  Promise.resolve(asked).then(
    () => 'none',
    ({ code }: PlexusError) => code,
  );

/** Notes what it is told, and answers nothing by itself. */
class Recorder implements ConsumerSink {
  readonly canMove: boolean;
  readonly got: { position: number; attempt: number }[] = [];
  ended: { reason: ConsumerEnd; error: Error | null } | null = null;

  constructor(canMove = false) {
    this.canMove = canMove;
  }

  get positions(): number[] {
    return this.got.map(({ position }) => position);
  }

  deliver({ position }: StoredEvent, attempt: number): void {
    this.got.push({ position, attempt });
  }

  end(reason: ConsumerEnd, error: Error | null): void {
    this.ended = { reason, error };
  }
}

async function attach(store: Store, sink: Recorder, pull = true): Promise<Consumer> {
  return store.subscriptions.attach('jobs', { name: 'me', pull }, sink);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('subscriptions of a store of another node', () => {
  it('are made, listed, steered and deleted', async () => {
    const { subscriptions } = far;
    const info = await subscriptions.create({ name: 'jobs', selector: { kind: 'stream', stream: 's' }, window: 7 });
    expect(info).toEqual(await near.subscriptions.get('jobs'));
    expect(info.definition.window).toBe(7);
    expect(await codeOf(subscriptions.create({ name: 'jobs', selector: { kind: 'all' } }))).toBe('subscription_exists');
    expect(await codeOf(subscriptions.create({ name: 'jobs', selector: { kind: 'odd' } } as never))).toBe(
      'bad_request',
    );
    expect((await subscriptions.list()).map(({ definition }) => definition.name)).toEqual(['jobs']);
    await subscriptions.pause('jobs');
    expect((await subscriptions.get('jobs')).state).toBe('paused');
    await subscriptions.resume('jobs');
    await appendAll(far, 's', 0, 1);
    await subscriptions.reset('jobs', 1);
    expect(await subscriptions.get('jobs')).toMatchObject({ state: 'running', checkpoint: 0 });
    await subscriptions.delete('jobs');
    expect(await codeOf(subscriptions.get('jobs'))).toBe('subscription_not_found');
    expect(await codeOf(attach(far, new Recorder()))).toBe('subscription_not_found');
  });

  it('give parked events, replay and drop them', async () => {
    await far.subscriptions.create({ name: 'jobs', selector: { kind: 'all' } });
    await appendAll(far, 's', { n: 0 }, { n: 1 });
    const sink = new Recorder();
    const consumer = await attach(far, sink);
    consumer.request(2);
    await expect.poll(() => sink.positions, POLL).toEqual([0, 1]);
    consumer.nack(0, 'park', 'it is wrong');
    consumer.nack(1, 'park', 'so is this');
    await expect.poll(async () => (await far.subscriptions.get('jobs')).parked, POLL).toBe(2);
    const { items, next } = await far.subscriptions.listParked('jobs', -1, 1);
    expect(items).toMatchObject([{ reason: 'it is wrong', attempts: 1 }]);
    expect(items[0]!.event.data).toEqual({ n: 0 });
    expect(next).toBe(0);
    expect(await far.subscriptions.replayParked('jobs', [0])).toBe(1);
    expect(await far.subscriptions.dropParked('jobs', [1])).toBe(1);
    consumer.request(1);
    await expect.poll(() => sink.positions, POLL).toEqual([0, 1, 0]);
  });
});

describe('a consumer on another node', () => {
  beforeEach(async () => {
    await far.subscriptions.create({ name: 'jobs', selector: { kind: 'all' }, window: 5, ackTimeoutMs: 5000 });
    await appendAll(near, 's', ...upTo(12));
  });

  it('gets what it asks for, and moves the checkpoint', async () => {
    const sink = new Recorder();
    const consumer = await attach(far, sink);
    expect([consumer.window, consumer.ackTimeoutMs]).toEqual([5, 5000]);
    expect((await near.subscriptions.get('jobs')).consumers).toBe(1);
    consumer.request(2);
    await expect.poll(() => sink.positions, POLL).toEqual([0, 1]);
    consumer.ack(0);
    await expect.poll(async () => (await near.subscriptions.get('jobs')).checkpoint, POLL).toBe(0);
    consumer.nack(1, 'retry', 'again');
    consumer.request(1);
    await expect.poll(() => sink.got.at(-1), POLL).toEqual({ position: 1, attempt: 2 });
    consumer.close();
    await expect.poll(async () => (await near.subscriptions.get('jobs')).consumers, POLL).toBe(0);
    expect(sink.ended).toMatchObject({ reason: 'closed' });
    expect(await near.subscriptions.get('jobs')).toMatchObject({ checkpoint: 0, inFlight: 0 });
  });

  it('never has more than its window, where it does not ask', async () => {
    const sink = new Recorder();
    const consumer = await attach(far, sink, false);
    await expect.poll(() => sink.positions, POLL).toEqual(upTo(5));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(sink.positions).toEqual(upTo(5));
    for (const position of upTo(5)) consumer.ack(position);
    await expect.poll(() => sink.positions, POLL).toEqual(upTo(10));
  });

  it('is ended by what ends it there', async () => {
    const sink = new Recorder();
    await attach(far, sink);
    await near.subscriptions.delete('jobs');
    await expect.poll(() => sink.ended, POLL).toMatchObject({ reason: 'deleted', error: null });
  });

  it('fails when its link breaks; what it had in hand goes to others, and the checkpoint stays', async () => {
    const sink = new Recorder();
    const consumer = await attach(far, sink);
    consumer.request(5);
    await expect.poll(() => sink.positions, POLL).toEqual(upTo(5));
    consumer.ack(0);
    consumer.ack(1);
    await expect.poll(async () => (await near.subscriptions.get('jobs')).checkpoint, POLL).toBe(1);
    cluster.links.cut('a', 'b');
    expect(sink.ended).toMatchObject({ reason: 'failed', error: { code: 'store_unavailable' } });
    consumer.ack(2);
    expect(await near.subscriptions.get('jobs')).toMatchObject({ checkpoint: 1, consumers: 0, inFlight: 0 });
    cluster.links.resume('a', 'b');
    const other = new Recorder();
    const local = await attach(near, other, false);
    await expect.poll(() => other.positions, POLL).toEqual([2, 3, 4, 5, 6]);
    expect(other.got[0]).toEqual({ position: 2, attempt: 2 });
    local.close();
  });

  it('takes a place again by itself where it may move: nothing is lost, and what it asked for comes', async () => {
    const sink = new Recorder(true);
    const consumer = await attach(far, sink);
    consumer.request(3);
    await expect.poll(() => sink.positions, POLL).toEqual([0, 1, 2]);
    consumer.ack(0);
    await expect.poll(async () => (await near.subscriptions.get('jobs')).checkpoint, POLL).toBe(0);
    cluster.links.cut('a', 'b');
    consumer.request(4);
    await new Promise((resolve) => setTimeout(resolve, 120));
    cluster.links.resume('a', 'b');
    await expect.poll(() => sink.positions, POLL).toEqual([0, 1, 2, 1, 2, 3, 4]);
    expect(sink.ended).toBeNull();
  });

  it('is not lost when its node dies: others get everything', async () => {
    const c = await cluster.add('c');
    const [gone, other] = [new Recorder(), new Recorder()];
    (await attach(far, gone)).request(5);
    await expect.poll(() => gone.positions, POLL).toEqual(upTo(5));
    cluster.links.drop('a');
    const consumer = await attach(c.stores.get('orders', 'default'), other, false);
    await expect.poll(() => other.positions, POLL).toEqual(upTo(5));
    for (const position of upTo(5)) consumer.ack(position);
    await expect.poll(() => other.positions.length, POLL).toBe(10);
  });

  it('loops through breaks, at least once each', async () => {
    const seen = new Set<number>();
    const breaks = setInterval(() => {
      cluster.links.cut('a', 'b');
      setTimeout(() => cluster.links.resume('a', 'b'), 20);
    }, 250);
    try {
      for await (const { event, ack } of consume(far.subscriptions, 'orders', 'jobs')) {
        seen.add(event.position);
        await new Promise((resolve) => setTimeout(resolve, 60));
        ack();
        if (seen.size === 12) break;
      }
    } finally {
      clearInterval(breaks);
    }
    expect([...seen]).toEqual(upTo(12));
    await expect.poll(async () => (await near.subscriptions.get('jobs')).consumers, POLL).toBe(0);
  }, 20_000);

  it('is let go when the node of the store stops, and finds it when it is back, where it may move', async () => {
    const [stays, moves] = [new Recorder(), new Recorder(true)];
    await attach(far, stays);
    const consumer = await attach(far, moves);
    await b.stop();
    await expect
      .poll(() => stays.ended, POLL)
      .toMatchObject({ reason: 'failed', error: { code: 'store_unavailable' } });
    expect(moves.ended).toBeNull();
    consumer.request(2);
    await cluster.add('b', { name: 'orders' });
    await expect.poll(() => moves.positions, POLL).toEqual([0, 1]);
    expect(moves.ended).toBeNull();
  });
});

describe('reading on, from another node', () => {
  const collect = async (events: AsyncIterable<StoredEvent>, count: number): Promise<unknown[]> => {
    const got: unknown[] = [];
    for await (const { data } of events) if (got.push(data) === count) break;
    return got;
  };

  it('goes from history into the present, and through a break without gap or duplicate', async () => {
    await appendAll(near, 's', ...upTo(20));
    let caughtUp = 0;
    const got: unknown[] = [];
    const onCaughtUp = (): number => caughtUp++;
    const reading = (async () => {
      for await (const { data } of far.catchUp({ selector: { kind: 'all' }, from: 5, onCaughtUp })) {
        if (got.push(data) === 45) break;
      }
    })();
    await expect.poll(() => got.length, POLL).toBe(15);
    expect(caughtUp).toBe(1);
    await appendAll(near, 's', ...upTo(10).map((n) => n + 20));
    await expect.poll(() => got.length, POLL).toBe(25);
    cluster.links.cut('a', 'b');
    await appendAll(near, 's', ...upTo(10).map((n) => n + 30));
    cluster.links.resume('a', 'b');
    await appendAll(near, 's', ...upTo(10).map((n) => n + 40));
    await reading;
    expect(got).toEqual(upTo(45).map((n) => n + 5));
    await expect.poll(() => a.stores.streams, POLL).toBe(0);
  });

  it('selects there, and ends with what is wrong', async () => {
    await appendAll(near, 's', 1);
    await appendAll(near, 't', 2);
    const selector = { kind: 'stream', stream: 't' } as const;
    expect(await collect(far.catchUp({ selector, from: 'start' }), 1)).toEqual([2]);
    expect(() => far.catchUp({ selector: { kind: 'odd' } as never, from: 'start' })).toThrow(
      expect.objectContaining({ code: 'bad_request' }),
    );
    const abort = new AbortController();
    const ended = collect(far.catchUp({ selector, from: 'now', signal: abort.signal }), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    abort.abort();
    expect(await ended).toEqual([]);
  });

  it('sends no more than was asked for to a slow reader', async () => {
    const text = 'x'.repeat(100_000);
    for (let n = 0; n < 60; n++) await appendAll(near, 's', text);
    cluster.links.bytes = 0;
    const reader = far.catchUp({ selector: { kind: 'all' }, from: 'start' })[Symbol.asyncIterator]();
    await reader.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(cluster.links.bytes).toBeLessThan(1_400_000);
    let count = 1;
    while (count < 60 && (await reader.next()).done !== true) count++;
    expect(count).toBe(60);
    await reader.return?.();
  });

  it('shows commits live, once for all who listen, while somebody does', async () => {
    const heard: number[][] = [[], []];
    const [stop, stopOther] = heard.map((own) =>
      far.onCommitted((events) => own.push(...events.map(({ position }) => position))),
    );
    await expect.poll(() => a.stores.streams, POLL).toBe(1);
    await appendAll(near, 's', 1, 2);
    await expect
      .poll(() => heard)
      .toEqual([
        [0, 1],
        [0, 1],
      ]);
    stop!();
    cluster.links.cut('a', 'b');
    await appendAll(near, 's', 3);
    cluster.links.resume('a', 'b');
    await expect
      .poll(() => heard, { timeout: 3000 })
      .toEqual([
        [0, 1],
        [0, 1, 2],
      ]);
    stopOther!();
    await expect.poll(() => a.stores.streams, POLL).toBe(0);
    let items = 0;
    cluster.links.passes = (_from, _to, type) => {
      if (type === FrameType.Item) items++;
      return true;
    };
    await appendAll(near, 's', 4);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(items).toBe(0);
  });
});
