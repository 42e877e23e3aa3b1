import { Key } from 'interface-datastore';
import { describe, expect, it } from 'vitest';
import { PeerEntries } from './peer-entries.ts';

const key = (name: string): Key => new Key(`/peers/${name}`);
const scene = (limits = {}) =>
  new PeerEntries('/peers/self', { maxEntries: 3, maxBytes: 1000, maxEntryBytes: 500, ...limits });

describe('what is remembered of peers', () => {
  it('is there until it is deleted', () => {
    const entries = scene();
    entries.put(key('a'), Uint8Array.of(1));
    entries.put(key('b'), Uint8Array.of(2));
    entries.put(key('a'), Uint8Array.of(3));
    expect(entries.get(key('a'))).toEqual(Uint8Array.of(3));
    expect([...entries.query({ prefix: '/peers/' })].map(({ value }) => value[0])).toEqual([2, 3]);
    expect([...entries.query({ filters: [({ value }) => value[0] === 2] })]).toHaveLength(1);
    expect([...entries.queryKeys({ prefix: '/peers/', limit: 1 })].map(String)).toEqual(['/peers/b']);
    entries.delete(key('a'));
    entries.delete(key('a'));
    expect([entries.has(key('a')), entries.size, entries.bytes]).toEqual([false, 1, 1]);
    expect(() => entries.get(key('a'))).toThrow(expect.objectContaining({ name: 'NotFoundError' }));
  });

  it('makes room: what was not used for longest goes, never that of this node', () => {
    const entries = scene();
    for (const name of ['self', 'a', 'b']) entries.put(key(name), new Uint8Array(10));
    entries.get(key('a'));
    entries.put(key('c'), new Uint8Array(10));
    expect(['self', 'a', 'b', 'c'].map((name) => entries.has(key(name)))).toEqual([true, true, false, true]);
    entries.put(key('d'), new Uint8Array(490));
    entries.put(key('e'), new Uint8Array(500));
    expect(['self', 'c', 'd', 'e'].map((name) => entries.has(key(name)))).toEqual([true, false, true, true]);
    entries.put(key('f'), new Uint8Array(1));
    expect([entries.has(key('d')), entries.size, entries.bytes, entries.evicted]).toEqual([false, 3, 511, 4]);
  });

  it('is not as much as a peer likes', () => {
    const entries = scene();
    entries.put(key('a'), new Uint8Array(500));
    expect(() => entries.put(key('a'), new Uint8Array(501))).toThrow(RangeError);
    expect([entries.get(key('a')).length, entries.refused]).toEqual([500, 1]);
  });

  it('can be changed in one go', () => {
    const entries = scene();
    const batch = entries.batch();
    batch.put(key('a'), new Uint8Array(1));
    batch.put(key('b'), new Uint8Array(2));
    batch.delete(key('a'));
    expect(entries.size).toBe(0);
    void batch.commit();
    expect([...entries.queryKeys({})].map(String)).toEqual(['/peers/b']);
  });
});
