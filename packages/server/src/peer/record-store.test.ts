import fc from 'fast-check';
import { Key } from 'interface-datastore';
import { base32 } from 'multiformats/bases/base32';
import * as Digest from 'multiformats/hashes/digest';
import { describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { seeded } from '../testing/seed.ts';
import { newIdentity } from './identity.ts';
import { type RecordLimits, RecordStore } from './record-store.ts';

const LIMITS: RecordLimits = { validityMs: 1000, maxRecords: 1000, maxPerKey: 1000, maxPerPeer: 1000 };
const PEERS = Array.from({ length: 8 }, () => newIdentity().peerId);
const SELF = newIdentity().peerId;
const VALUE = Uint8Array.of(1, 2, 3);

const multihashOf = (number: number): Uint8Array => Digest.create(0x12, new Uint8Array(32).fill(number)).bytes;
const under = (number: number): string => `/dht/provider/${base32.baseEncode(multihashOf(number))}`;
const recordKey = (number: number, peerId: string): Key => new Key(`${under(number)}/${peerId}`);

const scene = (limits: Partial<RecordLimits> = {}) => {
  const clock = new FakeClock();
  const store = new RecordStore(SELF, clock, { ...LIMITS, ...limits });
  const put = (key: number, peer: number) => store.put(recordKey(key, PEERS[peer]!), VALUE);
  const peers = (key: number) => store.peersUnder(multihashOf(key)).map((peerId) => PEERS.indexOf(peerId));
  return { clock, store, put, peers };
};

describe('the records that are kept for the directory', () => {
  it('are found under their key alone', () => {
    const { store, put, peers } = scene();
    put(1, 0);
    put(1, 1);
    put(2, 1);
    const found = [...store.query({ prefix: under(1) })];
    expect(found.map(({ key }) => key.toString())).toEqual([0, 1].map((i) => `${under(1)}/${PEERS[i]}`));
    expect(found.map(({ value }) => value)).toEqual([VALUE, VALUE]);
    expect(peers(2)).toEqual([1]);
    expect(peers(3)).toEqual([]);
    expect(store.get(recordKey(2, PEERS[1]!))).toEqual(VALUE);
    expect(() => store.get(recordKey(2, PEERS[0]!))).toThrow(expect.objectContaining({ name: 'NotFoundError' }));
    // Whoever asks for all wants to clean up.
    expect([...store.query({ prefix: '/dht/provider' })]).toEqual([]);
    store.delete(recordKey(1, PEERS[0]!));
    expect(peers(1)).toEqual([1]);
    expect([store.size, store.has(recordKey(1, PEERS[0]!))]).toEqual([2, false]);
  });

  it('are not handed out any more once they have expired, unless they came again', () => {
    const { clock, store, put, peers } = scene();
    put(1, 0);
    put(1, 1);
    clock.advance(999);
    put(1, 0);
    expect(peers(1)).toEqual([1, 0]);
    clock.advance(1);
    expect(peers(1)).toEqual([0]);
    expect([...store.query({ prefix: under(1) })]).toHaveLength(1);
    expect(store.has(recordKey(1, PEERS[1]!))).toBe(false);
    clock.advance(999);
    expect([store.size, peers(1)]).toEqual([0, []]);
  });

  it('never are of this node', () => {
    const { store } = scene();
    store.put(recordKey(1, SELF), VALUE);
    expect([store.size, store.refused, store.hasPeer(SELF)]).toEqual([0, 0, false]);
  });

  it('have room for so many of a key, of a peer and in all; the oldest goes', () => {
    const { store, put, peers } = scene({ maxPerKey: 3, maxPerPeer: 4, maxRecords: 6 });
    for (const peer of [0, 1, 2, 3]) put(1, peer);
    expect(peers(1)).toEqual([1, 2, 3]);
    for (const key of [2, 3, 4, 5]) put(key, 3);
    expect([peers(1), store.evicted]).toEqual([[1, 2], 2]);
    put(6, 4);
    expect([peers(1), store.size, store.evicted]).toEqual([[2], 6, 3]);
    // Its own place is taken by what a peer says again.
    put(2, 3);
    expect([store.size, store.evicted]).toEqual([6, 3]);
  });

  it('are of known form, and of nothing else', () => {
    const { store } = scene();
    const long = base32.baseEncode(Digest.create(0, new Uint8Array(10_000)).bytes);
    const other = [
      '/dht/provider/a/b',
      `${under(1)}/x`,
      `${under(1)}/${PEERS[0]}/more`,
      `/dht/provider/${long}/${PEERS[0]}`,
      `/dht/record/${base32.baseEncode(multihashOf(1))}`,
      `/peers/${PEERS[0]}`,
    ];
    for (const key of other) expect(() => store.put(new Key(key), VALUE)).toThrow(TypeError);
    expect(() => store.put(recordKey(1, PEERS[0]!), new Uint8Array(17))).toThrow(TypeError);
    expect([store.size, store.refused]).toEqual([0, other.length + 1]);
  });

  it('tell when the last one of a peer is gone', () => {
    const { clock, store, put } = scene({ maxPerKey: 2 });
    const gone = vi.fn();
    store.onPeerGone = gone;
    put(1, 0);
    put(2, 0);
    put(1, 0);
    put(1, 1);
    put(1, 1);
    clock.advance(500);
    put(1, 2);
    expect(gone).not.toHaveBeenCalled();
    expect(store.hasPeer(PEERS[0]!)).toBe(true);
    clock.advance(500);
    store.expire();
    expect(gone.mock.calls).toEqual([[PEERS[0]], [PEERS[1]]]);
    expect(store.hasPeer(PEERS[0]!)).toBe(false);
  });

  it('are those of a plain list, whatever comes', () => {
    const step = fc.record({ key: fc.nat(5), peer: fc.nat(PEERS.length - 1), afterMs: fc.nat(150) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, store, put, peers } = scene({ maxPerKey: 3, maxPerPeer: 5, maxRecords: 12 });
        let model: { key: number; peer: number; atMs: number }[] = [];
        const makeRoom = (of: (each: { key: number; peer: number }) => boolean, most: number) => {
          if (model.filter(of).length >= most) model.splice(model.findIndex(of), 1);
        };
        for (const { key, peer, afterMs } of steps) {
          clock.advance(afterMs);
          model = model.filter(({ atMs }) => clock.now() - atMs < LIMITS.validityMs);
          if (!model.some((each) => each.key === key && each.peer === peer)) {
            makeRoom((each) => each.peer === peer, 5);
            makeRoom((each) => each.key === key, 3);
            makeRoom(() => true, 12);
          }
          model = model.filter((each) => each.key !== key || each.peer !== peer);
          model.push({ key, peer, atMs: clock.now() });
          put(key, peer);
          expect(store.size).toBe(model.length);
          for (let each = 0; each <= 5; each++) {
            expect(peers(each)).toEqual(model.filter((one) => one.key === each).map((one) => one.peer));
          }
        }
      }),
      seeded(200),
    );
  });

  it('are not pushed out by one peer that says very much', () => {
    const { store, put, peers } = scene({ maxPerPeer: 100 });
    put(1, 1);
    const multihash = multihashOf(9);
    for (let i = 0; i < 10_000; i++) {
      new DataView(multihash.buffer, multihash.byteOffset).setUint32(2, i);
      store.put(new Key(`/dht/provider/${base32.baseEncode(multihash)}/${PEERS[0]}`), VALUE);
    }
    expect([store.size, store.evicted, peers(1)]).toEqual([101, 9900, [1]]);
  });
});
