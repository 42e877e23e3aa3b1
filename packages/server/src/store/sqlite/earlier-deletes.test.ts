import { describe, expect, it } from 'vitest';
import { resultOf, TestWriter } from './testing/writer-steps.ts';
import type { WriteItem } from './writer.ts';

describe('requests to delete a stream that come with an id', () => {
  const remove = (requestId: string, more: object = {}): WriteItem => ({
    kind: 'deleteStream',
    request: { stream: 's', tombstone: false, requestId, ...more } as never,
  });

  it('are answered as the first time, after a restart too', () => {
    using test = new TestWriter();
    test.append('s', ['t']);
    const commit = (item: WriteItem): unknown => test.writer.commit([item])[0];
    const deleted = { ok: true, result: { version: 0 } };
    const refused = commit(remove('b', { expectedVersion: 7 }));
    expect(refused).toMatchObject({ ok: false, error: { code: 'wrong_expected_version' } });
    expect(commit(remove('a'))).toEqual(deleted);
    test.append('s', Array(8).fill('t'));
    expect(commit(remove('a'))).toEqual(deleted);
    test.append('s', ['t'], 8);
    test.reopen();
    expect(commit(remove('a'))).toEqual(deleted);
    expect(commit(remove('b', { expectedVersion: 7 }))).toEqual(refused);
    expect(test.rows('SELECT deleted FROM streams')).toEqual([[0]]);
    expect(commit(remove('c'))).toEqual({ ok: true, result: { version: 9 } });
  });

  it('are remembered up to a bound, and believed only with their checksum', () => {
    using test = new TestWriter();
    test.append('s', ['t']);
    test.writer.commit(Array.from({ length: 1500 }, (_, i) => remove(`r${i}`)));
    expect(test.rows('SELECT count(*), min(request), max(n) FROM deletes')).toEqual([[1000, 'r1000', 1500]]);
    test.writer.close();
    test.tamper(`UPDATE deletes SET outcome = '{"result":{"version":7}}' WHERE request = 'r1499'`);
    test.open();
    expect(() => resultOf(test.writer.commit([remove('r1499')])[0]!)).toThrow('store_damaged');
  });
});
