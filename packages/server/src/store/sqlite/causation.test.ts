import { expect, it } from 'vitest';
import { decodePage } from '../page.ts';
import type { CausationRequest } from '../reads.ts';
import { StoreReader } from './reader.ts';
import { TestWriter, uuid } from './testing/writer-steps.ts';

const MiB = 1024 * 1024;

/** Events 0 to `count` - 1, each the cause of the next. */
function aChain(test: TestWriter, count: number, perAppend: number, data: unknown = null): void {
  for (let first = 0; first < count; first += perAppend) {
    const events = Array.from({ length: Math.min(perAppend, count - first) }, (_, i) => {
      const n = first + i;
      return { type: 'x', id: uuid(n), causationId: n === 0 ? null : uuid(n - 1), data };
    });
    test.append('s', events);
  }
}

function chainOf(test: TestWriter, n: number, limit: number) {
  const reader = StoreReader.open({ file: test.file });
  const request: CausationRequest = { id: uuid(n), what: 'chain', limit };
  const { edges, roots, truncated, cyclic, ...page } = reader.read('causation', request);
  reader.close();
  return { positions: decodePage(page).map(({ position }) => position), edges, roots, truncated, cyclic };
}

it('a chain that is cut by bytes keeps the end at its root', () => {
  using test = new TestWriter();
  aChain(test, 24, 3, 'x'.repeat(MiB - 500));
  const cut = chainOf(test, 23, 1000);
  expect(cut).toMatchObject({ roots: [uuid(0)], truncated: true });
  expect(cut.positions).toEqual(Array.from({ length: 16 }, (_, i) => i));
});

it('a chain finds its root far above the events that it shows', () => {
  using test = new TestWriter();
  aChain(test, 4000, 1000);
  expect(chainOf(test, 3999, 2)).toEqual({
    positions: [0, 1],
    edges: [{ from: uuid(0), to: uuid(1) }],
    roots: [uuid(0)],
    truncated: true,
    cyclic: false,
  });
});

it('a chain whose root is too far away shows the highest that it came to, and no root', () => {
  using test = new TestWriter();
  aChain(test, 5000, 1000);
  const top = 4999 - 4096 - 2 + 1;
  expect(chainOf(test, 4999, 2)).toEqual({
    positions: [top, top + 1],
    edges: [{ from: uuid(top), to: uuid(top + 1) }],
    roots: [],
    truncated: true,
    cyclic: false,
  });
});
