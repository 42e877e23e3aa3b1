import { describe, expect, it } from 'vitest';
import { MemoryRetainedStore } from '../broker/memory-retained-store.ts';
import { Message } from '../broker/message.ts';
import { Realms } from '../broker/realm.ts';
import { HybridClock } from '../cluster/hybrid-clock.ts';
import { RetainedReplica } from './retained-replica.ts';

const HOUR_MS = 3_600_000;
const REALM = 'default';

const replicaOf = (
  nodeId: string,
  limits = { maxRetainedMessages: 100, maxRetainedBytes: 1e9, maxTombstones: 100 },
) => {
  const wall = { ms: 1e12, wallMs: () => wall.ms };
  const store = new MemoryRetainedStore(limits);
  const { maxTombstones } = limits;
  const stamps = new HybridClock(wall, nodeId);
  const parts = { store, stamps, wallMs: wall.wallMs, tombstoneMs: HOUR_MS, maxTombstones, onFull: () => {} };
  const replica = new RetainedReplica(parts);
  const realm = new Realms({ maxTopicBytes: 1000, maxTopicLevels: 10 }, null).get(REALM);
  store.onExpired = (name, topic) => replica.expired(name, topic);
  const message = (topic: string, payload: string, expiresAtMs = Number.POSITIVE_INFINITY) =>
    Message.of(realm.topic(topic), Buffer.from(payload), { qos: 0, retain: true, expiresAtMs });
  const publish = (topic: string, payload: string, expiresAtMs?: number) => {
    const published = message(topic, payload, expiresAtMs);
    const fits = payload === '' ? store.delete(REALM, topic) || true : store.set(REALM, published);
    return replica.published(REALM, published, fits);
  };
  const entries = () => replica.digests().flatMap((_, bucket) => [...replica.bucket(bucket)]);
  return { wall, store, replica, message, publish, entries };
};

describe('what a node knows of retained messages', () => {
  it('is no different for deletions, which nodes forget at different times', () => {
    const a = replicaOf('a');
    const b = replicaOf('b');
    a.publish('gone', 'x');
    a.publish('gone', '');
    expect(a.replica.digests()).toEqual(b.replica.digests());
    expect(a.replica.tombstones).toBe(1);
    a.wall.ms += HOUR_MS;
    a.replica.tidy();
    expect(a.entries()).toEqual([]);
    expect(a.replica.digests()).toEqual(b.replica.digests());
  });

  it('is different where one has a message that the other has deleted or never had', () => {
    const a = replicaOf('a');
    const b = replicaOf('b');
    const stamp = a.publish('t', 'x');
    expect(a.replica.digests()).not.toEqual(b.replica.digests());
    b.replica.received(REALM, b.message('t', 'x'), stamp);
    expect(a.replica.digests()).toEqual(b.replica.digests());
    a.publish('t', '');
    expect(a.replica.digests()).not.toEqual(b.replica.digests());
  });

  it('goes with messages whose time has run out', () => {
    const { wall, store, replica, publish, entries } = replicaOf('a');
    for (let i = 0; i < 50; i++) publish(`t/${i}`, 'x', wall.ms + 1000);
    wall.ms += 1000;
    store.expire(wall.ms, 1000);
    expect(replica.digests()).toEqual(replicaOf('b').replica.digests());
    wall.ms += HOUR_MS;
    replica.tidy();
    expect(entries()).toEqual([]);
  });

  it('is bounded, whatever clients publish', () => {
    const limits = { maxRetainedMessages: 5, maxRetainedBytes: 1e9, maxTombstones: 10 };
    const { publish, entries } = replicaOf('a', limits);
    for (let i = 0; i < 100; i++) {
      publish(`no-room/${i}`, 'x');
      publish(`gone/${i}`, '');
    }
    const states = entries().map(({ state }) => state);
    const count = (state: string) => states.filter((each) => each === state).length;
    expect([count('kept'), count('deleted'), count('absent')]).toEqual([5, 10, 10]);
  });
});
