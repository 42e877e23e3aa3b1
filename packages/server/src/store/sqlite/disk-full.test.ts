import { afterEach, describe, expect, it, vi } from 'vitest';
import { Database } from '../../lib/sqlite/database.ts';
import { errorOf, resultOf, TestWriter, uuid, write } from './testing/writer-steps.ts';

/** A writer, and how to limit how large its file may become: SQLite itself then says that the disk is full. */
function limitedWriter(): { readonly test: TestWriter; readonly limit: (extraPages: number | null) => void } {
  const open = vi.spyOn(Database, 'open');
  const test = new TestWriter();
  const db: Database = open.mock.results[0]!.value;
  const limit = (extraPages: number | null): void => {
    const [pages] = db.prepareRows<[number]>('PRAGMA page_count').get()!;
    db.exec(`PRAGMA max_page_count = ${extraPages === null ? 1e9 : pages + extraPages}`);
  };
  return { test, limit };
}

const big = (n: number) =>
  write(`s${n % 3}`, [{ id: uuid(n), type: `t${n}`, tags: [`g${n}`], data: 'x'.repeat(3000) }]);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a full disk', () => {
  it('takes back the whole commit, in the file and in memory, and the next one succeeds when there is room', () => {
    const { test, limit } = limitedWriter();
    using _ = test;
    test.commit(big(0), big(1));
    limit(4);
    const outcomes = test.commit(...Array.from({ length: 20 }, (__, n) => big(n + 2)));
    expect(outcomes).toHaveLength(20);
    for (const outcome of outcomes) expect(errorOf(outcome)).toEqual({ code: 'store_full', file: test.file });
    expect(test.writer.lastPosition).toBe(1);
    expect(test.rows('SELECT max(position), count(*) FROM events')).toEqual([[1, 2]]);
    expect(test.rows('SELECT name FROM tags ORDER BY id')).toEqual([['g0'], ['g1']]);
    // Refused for what they say, not for what failed before.
    const met = { ...big(99), condition: { failIfEventsMatch: [{ tags: ['g1'] }], after: -1 } };
    expect(errorOf(test.commit(met)[0])).toMatchObject({ code: 'append_condition_failed', position: 1 });
    limit(null);
    const again = test.commit(...Array.from({ length: 20 }, (__, n) => big(n + 2))).map((outcome) => resultOf(outcome));
    expect(again.map((result) => (result as { position: number }).position)).toEqual(
      Array.from({ length: 20 }, (__, n) => n + 2),
    );
    expect(again.every((result) => !(result as { duplicate: boolean }).duplicate)).toBe(true);
    expect(resultOf(test.commit(big(1))[0]!)).toMatchObject({ position: 1, duplicate: true });
  });

  it('takes back other operations as well', () => {
    const { test, limit } = limitedWriter();
    using _ = test;
    test.append('a', ['x']);
    limit(0);
    const outcomes = test.writer.commit([
      { kind: 'saveSnapshot', request: { stream: 'a', version: 0, data: 'x'.repeat(100_000), metadata: null } },
      { kind: 'deleteStream', request: { stream: 'a', tombstone: true } },
    ]);
    expect(outcomes.map((outcome) => errorOf(outcome).code)).toEqual(['store_full', 'store_full']);
    expect(test.append('a', ['y'])).toMatchObject({ versions: [1] });
  });

  it('does not end the writer when the indexes cannot follow; they do when there is room', () => {
    const { test, limit } = limitedWriter();
    using _ = test;
    test.commit(...Array.from({ length: 500 }, (__, n) => write(`s${n}`, [{ id: uuid(n), type: 'x' }])));
    limit(0);
    test.writer.tend();
    expect(test.writer.tend()).toBeGreaterThan(20);
    expect(test.rows("SELECT value FROM meta WHERE key = 'indexed'")).toEqual([[-1]]);
    // What is in memory is still true.
    expect(resultOf(test.commit(write('s7', [{ id: uuid(7), type: 'x' }]))[0]!)).toMatchObject({ duplicate: true });
    limit(null);
    test.writer.tend();
    expect(test.writer.tend()).toBeNull();
    expect(test.rows("SELECT value FROM meta WHERE key = 'indexed'")).toEqual([[499]]);
    expect(test.append('s7', ['y'], 0)).toMatchObject({ position: 500, versions: [1] });
  });

  it('ends the writer if what it goes back to is damaged', () => {
    const { test, limit } = limitedWriter();
    using _ = test;
    test.commit(big(0));
    test.tamper('UPDATE events SET version = 1');
    limit(0);
    for (const outcome of test.commit(big(1), big(2), big(3))) expect(errorOf(outcome).code).toBe('store_full');
    limit(null);
    for (let i = 0; i < 2; i++) expect(errorOf(test.commit(big(1))[0]).code).toBe('store_damaged');
    expect(() => test.writer.tend()).toThrow('damaged');
    expect(() => test.reopen()).toThrow('damaged');
  });

  it('lets nothing be written from memory that is wrong, until the file can be read again', () => {
    const { test, limit } = limitedWriter();
    using _ = test;
    test.commit(big(0), big(1));
    test.tamper('UPDATE events SET version = 1 WHERE position = 0');
    limit(4);
    const many = Array.from({ length: 20 }, (__, n) => big(n + 2));
    for (const outcome of test.commit(...many)) expect(errorOf(outcome).code).toBe('store_full');
    limit(null);
    expect(errorOf(test.commit(big(2))[0]).code).toBe('store_damaged');
    const [deleted] = test.writer.commit([{ kind: 'deleteStream', request: { stream: 's0', tombstone: true } }]);
    expect(errorOf(deleted).code).toBe('store_damaged');
    test.tamper('UPDATE events SET version = 0 WHERE position = 0');
    expect(resultOf(test.commit(big(2))[0]!)).toMatchObject({ position: 2, versions: [0], duplicate: false });
    expect(resultOf(test.commit(big(0))[0]!)).toMatchObject({ position: 0, duplicate: true });
    expect(test.writer.tend()).not.toBeNull();
    test.reopen();
    expect(test.append('s0', ['y'], 0)).toMatchObject({ position: 3, versions: [1] });
  });

  it('loses nothing that was acknowledged on the way into it, and out of it', () => {
    const { test, limit } = limitedWriter();
    using _ = test;
    const taken: number[] = [];
    for (let n = 0; n < 300; n++) {
      if (n === 50) limit(60);
      if (n === 200) limit(null);
      const [outcome] = test.commit(big(n));
      if (outcome!.ok) taken.push(n);
      else expect(errorOf(outcome).code).toBe('store_full');
      test.writer.tend();
      if (n % 7 === 0) test.writer.tend();
    }
    expect(taken.length).toBeGreaterThan(150);
    expect(taken.length).toBeLessThan(300);
    test.reopen();
    expect(test.rows('SELECT position, t.name FROM events e JOIN types t ON t.id = e.type ORDER BY 1')).toEqual(
      taken.map((n, position) => [position, `t${n}`]),
    );
    for (const n of taken) expect(resultOf(test.commit(big(n))[0]!)).toMatchObject({ duplicate: true });
  });
});
