import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { definition } from '../testing/engine-steps.ts';
import { copyStore } from '../testing/file-engine.ts';
import { START_MS, TestWriter, write } from './testing/writer-steps.ts';
import { StoreWriter, type WriteItem } from './writer.ts';

const open = (file: string): StoreWriter => StoreWriter.open({ file, wallMs: () => START_MS });

/** A store with something to change, that was left by a crash after `last`; and the same without its last commit. */
function leave(test: TestWriter, last: () => void): { readonly whole: string; readonly cut: string } {
  test.append('a', ['x', 'y']);
  test.write('createSubscription', { definition: definition('s') });
  test.write('saveSnapshot', { stream: 'a', version: 0, data: 1, metadata: null });
  const whole = join(test.directory, 'whole', 'store.db');
  const cut = join(test.directory, 'cut', 'store.db');
  copyStore(test.file, cut);
  last();
  copyStore(test.file, whole);
  cpSync(`${test.file}.mark`, `${cut}.mark`);
  return { whole, cut };
}

describe('a file whose last commit is lost', () => {
  it.each<WriteItem>([
    { kind: 'deleteStream', request: { stream: 'a', tombstone: true } },
    { kind: 'saveSnapshot', request: { stream: 'a', version: 1, data: 2, metadata: null } },
    { kind: 'deleteSnapshots', request: { stream: 'a', version: null } },
    { kind: 'createSubscription', request: { definition: definition('other') } },
    { kind: 'saveProgress', request: { items: [{ name: 's', checkpoint: 1, state: null, park: [], unpark: [] }] } },
    { kind: 'resetSubscription', request: { name: 's', checkpoint: 0 } },
    { kind: 'deleteSubscription', request: { name: 's' } },
  ])('is refused at the start: $kind', (item) => {
    using test = new TestWriter();
    const { whole, cut } = leave(test, () => expect(test.writer.commit([item])).toMatchObject([{ ok: true }]));
    open(whole).close();
    expect(() => open(cut)).toThrow(/last 1 commits without events were acknowledged and are lost.*store\.db\.mark/);
  });

  it('is refused at the start: an append', () => {
    using test = new TestWriter();
    const { whole, cut } = leave(test, () => test.append('a', ['z']));
    open(whole).close();
    expect(() => open(cut)).toThrow('events up to 2 were acknowledged');
  });

  it('is taken if the commit has only brought the indexes up to date', () => {
    using test = new TestWriter();
    const tend = (): void => {
      test.writer.tend();
      test.writer.tend();
      expect(test.rows("SELECT value FROM meta WHERE key = 'indexed'")).toEqual([[1]]);
    };
    const { cut } = leave(test, tend);
    open(cut).close();
  });
});

describe('the count of commits without events', () => {
  it('is left alone by appends, by what is refused, and by what changes nothing', () => {
    using test = new TestWriter();
    const count = () => test.rows("SELECT value FROM meta WHERE key = 'changes'");
    test.append('a', ['x']);
    test.writer.commit([{ kind: 'deleteStream', request: { stream: 'missing', tombstone: false } }]);
    expect(count()).toEqual([]);
    test.writer.commit([
      ...test.appends(write('b', ['x'])),
      { kind: 'deleteStream', request: { stream: 'a', tombstone: false } },
      { kind: 'createSubscription', request: { definition: definition('s') } },
    ]);
    expect(count()).toEqual([[1]]);
    test.reopen();
    test.append('b', ['x']);
    expect(count()).toEqual([[1]]);
    const progress = { name: 's', checkpoint: 1, state: null, park: [], unpark: [] };
    expect(test.write('saveProgress', { items: [{ ...progress, name: 'missing' }] })).toEqual({ saved: 0 });
    expect(count()).toEqual([[1]]);
    test.write('saveProgress', { items: [progress] });
    test.write('deleteSubscription', { name: 's' });
    expect(count()).toEqual([[3]]);
  });
});
