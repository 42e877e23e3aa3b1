import { connect } from 'node:net';
import { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { testAdmin } from '../testing/test-admin.ts';
import { TestStore, testStores } from '../testing/test-store.ts';
import type { Admin } from './server.ts';

let admin: Admin;
let store: TestStore;
let base: string;
let clock: FakeClock;
let stop: AbortController;

async function open(engine = new MemoryEngine({ wallMs: () => 1000 })): Promise<void> {
  await store?.stop();
  store = new TestStore('default', 'default', engine);
  clock = new FakeClock();
  admin = await testAdmin(testStores(store), [], clock);
  base = `http://127.0.0.1:${await admin.listen()}/api/v1/stores/default`;
  stop = new AbortController();
}
beforeEach(() => open());
afterEach(async () => {
  stop.abort();
  await admin.stop();
  await store.stop();
});

const append = (stream: string, type = 't', tags: string[] = [], data: unknown = null) =>
  store.append({ writes: [{ stream, events: [{ type, tags, data }] }] });

interface Live {
  /** The next events, by id and as JSON. */
  next(count: number): Promise<[string, { position: number; version: number; type: string }][]>;
  /** All there is until the end, as text. */
  rest(): Promise<string>;
  status: number;
  /** As it comes; instead of the others. */
  body: ReadableStream<string>;
}

async function follow(path: string, headers: Record<string, string> = {}): Promise<Live> {
  const answer = await fetch(base + path, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: stop.signal,
  });
  const body = answer.body!.pipeThrough(new TextDecoderStream());
  let reader: ReadableStreamDefaultReader<string> | null = null;
  let text = '';
  const more = async (): Promise<boolean> => {
    reader ??= body.getReader();
    const { value, done } = await reader.read();
    text += value ?? '';
    return !done;
  };
  return {
    status: answer.status,
    body,
    async next(count) {
      const found: [string, never][] = [];
      while (found.length < count) {
        const end = text.indexOf('\n\n');
        if (end === -1) {
          if (!(await more())) throw new Error(`the stream ended: ${text}`);
          continue;
        }
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        const match = /^id: (\d+)\ndata: (.*)$/.exec(block);
        if (match !== null) found.push([match[1]!, JSON.parse(match[2]!) as never]);
        else expect(block).toMatch(/^(:|id: -?\d+$)/);
      }
      return found;
    },
    async rest() {
      try {
        while (await more());
      } catch (error) {
        text += `(${(error as Error).message})`;
      }
      return text;
    },
  };
}

const ids = (events: readonly [string, unknown][]): string[] => events.map(([id]) => id);

describe('a live stream', () => {
  it('has the history of the store, then what comes, with positions as ids', async () => {
    for (let i = 0; i < 3; i++) await append(`s${i % 2}`);
    const live = await follow('/events');
    expect(ids(await live.next(3))).toEqual(['0', '1', '2']);
    for (let i = 0; i < 3; i++) await append('s0');
    const events = await live.next(3);
    expect(ids(events)).toEqual(['3', '4', '5']);
    expect(events[2]![1]).toMatchObject({
      stream: 's0',
      version: 4,
      position: 5,
      data: null,
      time: '1970-01-01T00:00:01.000000Z',
    });
  });

  it('has the events of one stream, with versions as ids, before there is any too', async () => {
    await append('other');
    const live = await follow('/streams/s/events');
    expect(live.status).toBe(200);
    for (const stream of ['s', 'other', 's']) await append(stream);
    expect(ids(await live.next(2))).toEqual(['0', '1']);
    const later = await follow('/streams/s/events?from=1');
    await append('s');
    expect(ids(await later.next(2))).toEqual(['1', '2']);
  });

  it.each([
    ['/events?from=2', {}, ['2', '3', '4']],
    ['/events?from=1', { 'last-event-id': '2' }, ['3', '4']],
    ['/events?from=now', {}, ['4']],
    ['/events?from=now', { 'last-event-id': '1' }, ['2', '3', '4']],
    ['/events?from=4', {}, ['4']],
    ['/streams/s/events', { 'last-event-id': '3' }, ['4']],
    ['/streams/s/events?from=now', {}, ['4']],
  ])('%s %j begins there', async (path, headers, expected) => {
    for (let i = 0; i < 4; i++) await append('s');
    const live = await follow(path, headers as Record<string, string>);
    await append('s');
    expect(ids(await live.next(expected.length))).toEqual(expected);
  });

  it.each([
    ['/events?from=now', '-1'],
    ['/streams/s/events?from=now', '-1'],
    ['/events?from=now&types=t', '-1'],
    ['/events?from=now&selector={"kind":"all"}', '-1'],
  ])('%s says where it begins, so that nothing is lost between two connections', async (path, none) => {
    const beginning = async (): Promise<string> => {
      const reader = (await follow(path)).body.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return /^id: (.*)\n\n/.exec(value!)![1]!;
    };
    expect(await beginning()).toBe(none);
    await append('s');
    expect(ids(await (await follow(path, { 'last-event-id': none })).next(1))).toEqual(['0']);
    await append('s');
    const begun = await beginning();
    expect(begun).toBe('1');
    await append('s');
    await append('s');
    expect(ids(await (await follow(path, { 'last-event-id': begun })).next(2))).toEqual(['2', '3']);
  });

  it('from=now on a stream begins with its version, not with the position', async () => {
    for (const stream of ['s', 'other', 'other', 's', 'other']) await append(stream);
    const live = await follow('/streams/s/events?from=now');
    await append('s');
    expect(ids(await live.next(1))).toEqual(['2']);
    const text = await (await follow('/streams/s/events?from=now')).body.getReader().read();
    expect(text.value).toMatch(/^id: 2\n\n/);
  });

  it('waits for a place that is not reached yet', async () => {
    const live = await follow('/events?from=2');
    for (let i = 0; i < 4; i++) await append('s');
    expect(ids(await live.next(2))).toEqual(['2', '3']);
  });

  it.each([
    ['types=b', ['1', '5']],
    ['tags=x,y', ['2', '6']],
    ['tags=x,y&match=any', ['1', '2', '5', '6']],
    ['types=b&tags=x', ['1', '5']],
    ['streams=ord*', ['0', '4']],
    ['typePrefix=b', ['1', '5']],
    [`query=${encodeURIComponent('[{"types":["a"],"tags":["x"]},{"types":["b"]}]')}`, ['1', '2', '5', '6']],
    [
      `selector=${encodeURIComponent('{"kind":"payload","where":{"path":"$.n","op":"gte","value":2}}')}`,
      ['2', '3', '6', '7'],
    ],
    ['since=2030-01-01', []],
  ])('%s applies to history and to what comes', async (query, expected) => {
    const four = async (): Promise<void> => {
      await append('order-1', 'a', [], { n: 0 });
      await append('s', 'b', ['x'], { n: 1 });
      await append('s', 'a', ['x', 'y'], { n: 2 });
      await append('s', 'c', [], { n: 3 });
    };
    await four();
    const live = await follow(`/events?${query}`);
    const inHistory = expected.filter((id) => Number(id) < 4);
    const first = await live.next(inHistory.length);
    await four();
    expect(ids([...first, ...(await live.next(expected.length - inHistory.length))])).toEqual(expected);
  });

  it('has every event once, in order, while events come as it begins', async () => {
    let appended = 0;
    const writing = (async () => {
      for (; appended < 2000; appended++) await append('s');
    })();
    const all = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const live = await follow('/events');
        return ids(await live.next(2000));
      }),
    );
    await writing;
    const expected = Array.from({ length: 2000 }, (_, i) => String(i));
    for (const got of all) expect(got).toEqual(expected);
  });

  it('ends after as many events as were asked for', async () => {
    for (let i = 0; i < 3; i++) await append('s');
    expect((await (await follow('/events?limit=2')).rest()).match(/^id: .*$/gm)).toEqual(['id: 0', 'id: 1']);
    const live = await follow('/events?limit=4');
    await live.next(3);
    await append('s');
    await append('s');
    expect((await live.rest()).match(/^id: .*$/gm)).toEqual(['id: 3']);
  });

  it('shows signs of life while nothing comes', async () => {
    const live = await follow('/events');
    clock.advance(15_000);
    clock.advance(15_000);
    setImmediate(() => void admin.drain());
    expect((await live.rest()).match(/^:$/gm)).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it.each([
    '/events?until=2030-01-01',
    '/events?direction=backwards',
    '/events?selector={',
    '/events?selector={"kind":"other"}',
    '/events?selector={"kind":"all"}&types=t',
    '/events?from=-1',
    '/events?from=now&types=.',
    '/events?from=now&types=%00',
    `/events?from=now&tags=${'x'.repeat(201)}`,
    `/events?from=now&streams=${'x'.repeat(201)}`,
    `/events?types=${'x'.repeat(201)}`,
    `/streams/${'x'.repeat(201)}/events?from=now`,
    `/streams/${'x'.repeat(201)}/events`,
    '/events?from=now&selector={"kind":"type","types":[]}',
  ])('%s is refused', async (path) => {
    const answer = await fetch(base + path, { headers: { accept: 'text/event-stream' } });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'bad_request' } }]);
  });

  it('says why it ends when the store fails, and when the node drains', async () => {
    await append('s');
    const live = await follow('/events');
    await live.next(1);
    void admin.drain();
    expect(await live.rest()).toContain('event: fault\ndata: {"error":{"code":"shutting_down"');
  });

  it('is not held up by one that does not read, and holds a page for it', async () => {
    for (let i = 0; i < 200; i++) await append('s', 't', [], 'x'.repeat(100_000));
    const before = store.reads;
    const socket = connect(Number(new URL(base).port), '127.0.0.1', () => {
      socket.write(
        'GET /api/v1/stores/default/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
      );
    });
    await new Promise((resolve) => socket.once('readable', resolve));
    await new Promise((resolve) => setTimeout(resolve, 200));
    // 20 MB in pages of 1 MiB: some of them fill the buffers of the system, the rest is not read yet.
    expect(store.reads - before).toBeLessThan(15);
    const other = await follow('/events?from=199');
    expect(ids(await other.next(1))).toEqual(['199']);
    socket.destroy();
  });
});

describe('a drain', () => {
  it('does not wait for one that does not read', async () => {
    for (let i = 0; i < 200; i++) await append('s', 't', [], 'x'.repeat(100_000));
    const socket = connect(Number(new URL(base).port), '127.0.0.1', () => {
      socket.write(
        'GET /api/v1/stores/default/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
      );
    });
    const gone = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('readable', resolve));
    let isDrained = false;
    void admin.drain().then(() => {
      isDrained = true;
    });
    for (; !isDrained; clock.advance(100)) await new Promise((resolve) => setImmediate(resolve));
    socket.resume();
    await gone;
  });
});

describe('lines', () => {
  it('are all of a read, however long, or as many as were asked for', async () => {
    await admin.stop();
    await open(new MemoryEngine({ wallMs: () => 0, maxLooked: 100 }));
    for (let i = 0; i < 500; i++)
      await store.append({ writes: [{ stream: 's', events: Array(10).fill({ type: 't' }) }] });
    const read = async (query: string): Promise<number[]> => {
      const answer = await fetch(`${base}/events?${query}`, { headers: { accept: 'application/x-ndjson' } });
      return (await answer.text())
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line).position);
    };
    const all = Array.from({ length: 5000 }, (_, i) => i);
    expect(await read('')).toEqual(all);
    expect(await read('direction=backwards')).toEqual(all.toReversed());
    expect(await read('limit=150')).toEqual(all.slice(0, 150));
    expect(await read('limit=2500&from=10')).toEqual(all.slice(10, 2510));
  });

  it('break off, and say why, when the store fails on the way', async () => {
    await admin.stop();
    await open(new MemoryEngine({ wallMs: () => 0, maxLooked: 1 }));
    for (let i = 0; i < 5; i++) await append('s');
    let reads = 0;
    store.engine.fault = () =>
      ++reads === 3 ? new PlexusError('store_unavailable', { store: 'default', reason: 'x' }) : null;
    const answer = await fetch(`${base}/events`, { headers: { accept: 'application/x-ndjson' } });
    let text = '';
    const reading = (async () => {
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) text += chunk;
    })();
    await expect(reading).rejects.toThrow();
    const lines = text.split('\n');
    expect(lines.slice(0, 2).map((line) => JSON.parse(line).position)).toEqual([0, 1]);
    expect(JSON.parse(lines[2]!).error.code).toBe('store_unavailable');
  });
});
