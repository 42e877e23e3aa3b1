import { describe, expect, it } from 'vitest';
import type { Page, ReadRequest } from '../store/reads.ts';
import { MemoryEngine } from '../store/testing/memory-engine.ts';
import { DEFAULT_READ, eventsOf, pagesOf } from './pages.ts';

const EVENTS = 10;
const PAGE = 3;

describe('events of pages', () => {
  async function store(): Promise<{
    read: (from?: number) => ReturnType<typeof eventsOf>;
    pages: number[];
    fail: (at: number) => void;
  }> {
    const engine = new MemoryEngine({ wallMs: () => 0 });
    for (let n = 0; n < EVENTS; n++)
      await engine.append({ writes: [{ stream: 's', events: [{ type: 't', data: n }] }] });
    const pages: number[] = [];
    let failAt = Number.POSITIVE_INFINITY;
    const readPage = (request: ReadRequest): Promise<Page> => {
      pages.push(request.from ?? 0);
      if (pages.length > failAt) return Promise.reject(new Error('no page'));
      return engine.read('readEvents', request) as Promise<Page>;
    };
    return {
      read: (from = 0) => eventsOf(pagesOf(readPage, { ...DEFAULT_READ, from, limit: PAGE }, undefined)),
      pages,
      fail: (at) => {
        failAt = at;
      },
    };
  }

  it('come in order, across pages, and end', async () => {
    const { read } = await store();
    const positions: number[] = [];
    for await (const { position } of read()) positions.push(position);
    expect(positions).toEqual(Array.from({ length: EVENTS }, (_, n) => n));
    const empty = read(EVENTS);
    expect(await empty.next()).toEqual({ value: undefined, done: true });
    expect(await empty.next()).toEqual({ value: undefined, done: true });
  });

  it('go to those who ask at the same time in the order that they asked', async () => {
    const { read } = await store();
    const events = read();
    const asked = await Promise.all(Array.from({ length: EVENTS + 2 }, () => events.next()));
    const got = asked.map(({ value, done }) => (done ? 'over' : value.position));
    expect(got).toEqual([...Array.from({ length: EVENTS }, (_, n) => n), 'over', 'over']);
  });

  it('end in the middle of a page that is under way', async () => {
    const { read } = await store();
    const events = read();
    const asked = events.next();
    await events.return!();
    expect(await asked).toEqual({ value: undefined, done: true });
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });

  it('are read no further when the reader has enough', async () => {
    const { read, pages } = await store();
    for await (const { position } of read()) if (position === 1) break;
    expect(pages, 'one page ahead').toEqual([0, PAGE]);
    const events = read();
    await events.next();
    await events.return!();
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });

  it('end with the error of a page', async () => {
    const { read, fail } = await store();
    fail(2);
    const positions: number[] = [];
    await expect(async () => {
      for await (const { position } of read()) positions.push(position);
    }).rejects.toThrow('no page');
    expect(positions).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('fail for the first who asks for the page that failed, and are over for the others', async () => {
    const { read, fail } = await store();
    fail(0);
    const events = read();
    const asked = await Promise.allSettled([events.next(), events.next()]);
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(asked[1]).toMatchObject({ value: { done: true } });
  });
});
