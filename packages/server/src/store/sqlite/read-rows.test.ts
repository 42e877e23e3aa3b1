import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePage } from '../page.ts';
import type { Page, ReadRequest } from '../reads.ts';
import { readRequest } from '../testing/engine-steps.ts';
import { StoreReader } from './reader.ts';
import { TestWriter } from './testing/writer-steps.ts';

/** Bytes of data, around the size from which events are fetched singly. */
const SIZES = [10, 40_000, 10, 10, 200_000, 200_000, 32_600, 32_700, 10, 1_000_000, 10];

let test: TestWriter;
let reader: StoreReader;

beforeAll(() => {
  test = new TestWriter();
  for (const bytes of SIZES) test.append('a', [{ type: 't', data: Buffer.alloc(bytes, bytes % 251) }]);
  test.reopen();
  // And some that no index has yet.
  for (const bytes of SIZES) test.append('a', [{ type: 't', data: Buffer.alloc(bytes, bytes % 251) }]);
  reader = StoreReader.open({ file: test.file });
});
afterAll(() => {
  reader.close();
  test[Symbol.dispose]();
});

function pagesOf(request: Partial<ReadRequest>): Page[] {
  const pages: Page[] = [];
  for (let from = request.from ?? null; ; ) {
    const page = reader.read('readEvents', readRequest({ ...request, from }));
    pages.push(page);
    if (page.next === null) return pages;
    from = page.next;
  }
}

describe.each<'forwards' | 'backwards'>(['forwards', 'backwards'])('large events among small ones, %s', (direction) => {
  const all = [...SIZES, ...SIZES].map((bytes, position) => [position, bytes]);
  const wanted = direction === 'forwards' ? all : all.toReversed();

  it.each<[what: string, request: Partial<ReadRequest>]>([
    ['the store', {}],
    ['the store, few at a time', { limit: 3 }],
    ['the store, few bytes at a time', { maxBytes: 100_000 }],
    ['the store, hardly any bytes at a time', { maxBytes: 1 }],
    ['a stream', { stream: 'a' }],
    ['a stream, few bytes at a time', { stream: 'a', maxBytes: 50_000 }],
    ['by an index', { filter: { types: ['t'] }, maxBytes: 300_000 }],
  ])('are all there: %s', (_, request) => {
    const pages = pagesOf({ ...request, direction });
    const events = pages.flatMap((page) => decodePage(page));
    expect(events.map(({ position, bytes }) => [position, bytes.length])).toEqual(wanted);
    expect(events.every(({ bytes }) => bytes.every((byte) => byte === bytes.length % 251))).toBe(true);
    const { maxBytes = Number.POSITIVE_INFINITY } = request;
    for (const page of pages) {
      const last = decodePage(page).at(-1)!;
      expect(page.bytes.length - last.size).toBeLessThan(maxBytes + 200);
    }
  });
});
