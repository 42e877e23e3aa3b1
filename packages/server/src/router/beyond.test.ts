import { Reason } from '@plexus/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { AckSlots } from '../broker/ack-slots.ts';
import { BrokerCounters } from '../broker/counters.ts';
import { Message } from '../broker/message.ts';
import { type Realm, Realms } from '../broker/realm.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import { FakeClock } from '../lib/fake-clock.ts';
import { Turn } from '../lib/turn.ts';
import type { MeshPort, MeshRoute } from '../mesh/ports.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { HeldFrame, Link, Obligations } from '../peer/link-ports.ts';
import { Beyond, type BeyondOptions } from './beyond.ts';
import { decodeMessage } from './message-frames.ts';
import { topicIn } from './peer-sources.ts';
import { Sequence } from './sequence.ts';

interface Sent extends HeldFrame {
  readonly isHeld: boolean;
}

/** A link that remembers what it was given. */
class FakeLink {
  readonly sent: Sent[] = [];
  readonly peer: { readonly peerId: string };
  isFull = false;
  state = 'up';

  constructor(peerId: string) {
    this.peer = { peerId };
  }

  loose(type: number, head: Uint8Array, buffer: Uint8Array, start: number, end: number): boolean {
    const body = buffer.subarray(start, end);
    this.sent.push({ isHeld: false, type, head, body, obligations: { meet() {} }, slot: 0, taken: false });
    return true;
  }

  held(type: number, head: Uint8Array, body: Uint8Array, obligations: Obligations, slot: number): void {
    this.sent.push({ isHeld: true, type, head, body, obligations, slot, taken: false });
  }

  answer(reason = 0): void {
    for (const { isHeld, obligations, slot } of this.sent) if (isHeld) obligations.meet(slot, reason);
  }
}

const LOOKING: MeshRoute = { peers: [], isSettled: false };
const OPTIONS: BeyondOptions = {
  queueFull: 'reject',
  meshPendingMessages: 3,
  meshPendingMs: 5000,
  meshPendingBytes: 1_000_000,
};

class World implements MeshPort {
  readonly nodeId = 'self';
  onRoutes: ((realm: string) => void) | null = null;
  current: MeshRoute = LOOKING;
  version = 1;
  asked = 0;
  readonly links = new Map<string, FakeLink>();
  readonly dials: { readonly peerId: string; readonly done: (link: Link | null) => void }[] = [];
  readonly clock = new FakeClock();
  readonly counters = new BrokerCounters();
  readonly beyond: Beyond;
  readonly realm: Realm = new Realms({ maxTopicBytes: 1000, maxTopicLevels: 50 }, null).get('r');
  readonly acks: { readonly packetId: number; readonly reason: number }[] = [];
  readonly slots = new AckSlots({
    writeAcknowledgement: (packetId, _ack, reason) => void this.acks.push({ packetId, reason }),
  });
  #packetId = 0;

  constructor(options: Partial<BeyondOptions> = {}) {
    const { clock, counters } = this;
    const turn = new Turn((run) => clock.setImmediate(run));
    this.beyond = new Beyond({
      mesh: this,
      options: { ...OPTIONS, ...options },
      counters,
      sequence: new Sequence(),
      clock,
      turn,
    });
  }

  isFederated = (realm: string): boolean => realm === 'r';
  stamp = (): number => this.version;
  route = (): MeshRoute => {
    this.asked++;
    return this.current;
  };
  link = (peerId: string): Link | null => (this.links.get(peerId) as unknown as Link) ?? null;
  connect = (peerId: string, done: (link: Link | null) => void): void => void this.dials.push({ peerId, done });
  clusterOf = (_realm: string, peerId: string): string => peerId.split('.')[0]!;
  accepts = (): boolean => true;
  readonly withoutRights = new Set<string>();
  maySend = (_realm: string, peerId: string): boolean => !this.withoutRights.has(peerId);

  up(peerId: string): FakeLink {
    const link = new FakeLink(peerId);
    this.links.set(peerId, link);
    return link;
  }

  /** The route of all topics is another now, and whoever waits hears of it. */
  becomes(route: MeshRoute): void {
    this.current = route;
    this.version++;
    this.onRoutes?.('r');
    this.clock.advance(0);
  }

  /** @returns the reason the publisher got at once; undefined: it waits, or is not to be answered */
  publish(text: string, qos: 0 | 1 = 1): number | undefined {
    const topic = this.realm.topics.lookup(Buffer.from('a/b'), 0, 3);
    const message = Message.of(topic, Buffer.from(text), { qos, retain: false, publisher: 'client' });
    const route = this.realm.route(topic);
    const packetId = ++this.#packetId;
    let commit: CommitTarget | null = null;
    if (qos === 1) commit = { slots: this.slots, slot: this.slots.take(packetId, 1) };
    const isRefused = qos === 1 && !this.beyond.admits(this.realm, message, route);
    if (!isRefused) this.beyond.send(this.realm, message, route, commit);
    if (commit !== null) this.slots.meet(commit.slot, isRefused ? Reason.QuotaExceeded : 0);
    return this.acks.find((ack) => ack.packetId === packetId)?.reason;
  }

  texts({ sent }: FakeLink): string[] {
    return sent.map(({ type, head, body }) => {
      expect(type).toBe(FrameType.Message);
      const bytes = Buffer.concat([head, body]);
      const read = decodeMessage(bytes, 0, bytes.length, 0, (_realm, topic) => topicIn(this.realm, topic))!;
      expect(read.message.publisher).toBe(null);
      return Buffer.from(read.message.payload()).toString();
    });
  }
}

describe('a message for nodes beyond the cluster', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  it('does not go to a peer that has lost its rights in the realm while it was dialled', () => {
    world.becomes({ peers: ['p'], isSettled: true });
    expect([world.publish('1'), world.publish('2', 0)]).toEqual([undefined, undefined]);
    world.withoutRights.add('p');
    const link = world.up('p');
    world.dials[0]!.done(link as unknown as Link);
    expect(world.texts(link)).toEqual([]);
    expect(world.acks).toEqual([{ packetId: 1, reason: 0 }]);
    expect(world.counters.dropped.get('mesh_unreachable')).toBe(2);
  });

  it('goes to one node of each cluster that wants it, and is answered when all of them have', () => {
    const [a, b] = [world.up('a'), world.up('b')];
    world.becomes({ peers: ['a', 'b'], isSettled: true });
    expect(world.publish('one')).toBe(undefined);
    expect([world.texts(a), world.texts(b)]).toEqual([['one'], ['one']]);
    a.answer();
    expect(world.acks).toEqual([]);
    b.answer();
    expect(world.acks).toEqual([{ packetId: 1, reason: 0 }]);
  });

  it('asks for the route only when it may be another, or after a second', () => {
    world.up('a');
    world.becomes({ peers: ['a'], isSettled: true });
    for (let i = 0; i < 10; i++) world.publish(`${i}`, 0);
    expect(world.asked).toBe(1);
    world.clock.advance(1000);
    world.publish('later', 0);
    expect(world.asked).toBe(2);
  });

  it('waits while it is being found out who wants it, then goes to all of them in order', () => {
    expect(world.publish('one')).toBe(undefined);
    world.publish('two', 0);
    expect(world.beyond.pending).toMatchObject({ topics: 1, messages: 2 });
    const a = world.up('a');
    world.becomes({ peers: ['a'], isSettled: false });
    expect(world.texts(a)).toEqual(['one', 'two']);
    world.publish('three');
    expect(world.texts(a)).toEqual(['one', 'two', 'three']);
    const b = world.up('b');
    world.becomes({ peers: ['a', 'b'], isSettled: false });
    expect(world.texts(b)).toEqual(['one', 'two', 'three']);
    expect(world.texts(a)).toEqual(['one', 'two', 'three']);
    world.becomes({ peers: ['a', 'b'], isSettled: true });
    expect(world.beyond.pending).toEqual({ topics: 0, messages: 0, bytes: 0 });
    expect(world.acks).toEqual([]);
    a.answer();
    b.answer();
    expect(world.acks.map(({ reason }) => reason)).toEqual([0, 0]);
  });

  it('is answered when nobody turns out to want it', () => {
    world.publish('one');
    world.becomes({ peers: [], isSettled: true });
    expect(world.acks).toEqual([{ packetId: 1, reason: 0 }]);
  });

  it('goes to another node of a cluster only if none of it has it', () => {
    const first = world.up('c.1');
    world.publish('one', 0);
    world.becomes({ peers: ['c.1'], isSettled: false });
    const second = world.up('c.2');
    world.becomes({ peers: ['c.2'], isSettled: true });
    expect([world.texts(first), world.texts(second)]).toEqual([['one'], []]);
  });

  it('goes the way of those before it while they are not answered, though the route is another by now', () => {
    const [one, two] = [world.up('x.1'), world.up('x.2')];
    world.becomes({ peers: ['x.1'], isSettled: true });
    world.publish('1');
    world.becomes({ peers: ['x.2'], isSettled: true });
    world.publish('2');
    // Nobody answers it, so nobody knows when it is there.
    world.publish('at QoS 0', 0);
    expect([world.texts(one), world.texts(two)]).toEqual([['1', '2'], ['at QoS 0']]);
    one.answer();
    world.publish('3');
    expect([world.texts(one), world.texts(two)]).toEqual([
      ['1', '2'],
      ['at QoS 0', '3'],
    ]);
  });

  it('is refused, at QoS 1, when too many wait, and dropped and counted at QoS 0', () => {
    for (const text of ['1', '2', '3']) world.publish(text);
    expect(world.publish('4')).toBe(undefined);
    world.publish('5', 0);
    expect(world.counters.dropped.get('mesh_pending_full')).toBe(1);
    world.becomes({ peers: [], isSettled: true });
    expect(world.acks.map(({ reason }) => reason)).toEqual([0, 0, 0, Reason.QuotaExceeded]);
  });

  it('makes room for itself under drop-oldest', () => {
    world = new World({ queueFull: 'drop-oldest' });
    for (const text of ['1', '2', '3', '4']) world.publish(text);
    expect(world.acks).toEqual([{ packetId: 1, reason: 0 }]);
    const a = world.up('a');
    world.becomes({ peers: ['a'], isSettled: true });
    expect(world.texts(a)).toEqual(['2', '3', '4']);
    expect(world.counters.dropped.get('mesh_pending_full')).toBe(1);
  });

  it('is refused when nobody was found in time, and answered when somebody was', () => {
    world.publish('one');
    world.clock.advance(5000);
    expect(world.acks).toEqual([{ packetId: 1, reason: Reason.QuotaExceeded }]);
    expect(world.counters.dropped.get('mesh_pending_timeout')).toBe(1);
    const a = world.up('a');
    world.publish('two');
    world.becomes({ peers: ['a'], isSettled: false });
    a.answer();
    expect(world.acks).toHaveLength(1);
    world.clock.advance(5000);
    expect(world.acks[1]).toEqual({ packetId: 2, reason: 0 });
    expect(world.beyond.pending).toEqual({ topics: 0, messages: 0, bytes: 0 });
  });

  it('waits for a link that has to be made, and nothing overtakes it', () => {
    world.becomes({ peers: ['a'], isSettled: true });
    world.publish('one');
    world.publish('two', 0);
    expect(world.dials.map(({ peerId }) => peerId)).toEqual(['a']);
    const a = world.up('a');
    world.publish('three');
    expect(world.texts(a)).toEqual([]);
    world.dials[0]!.done(world.link('a'));
    expect(world.texts(a)).toEqual(['one', 'two', 'three']);
    a.answer();
    expect(world.acks.map(({ reason }) => reason)).toEqual([0, 0]);
  });

  it('lapses when its only receiver cannot be reached', () => {
    world.becomes({ peers: ['a'], isSettled: true });
    world.publish('one');
    world.dials[0]!.done(null);
    expect(world.acks).toEqual([{ packetId: 1, reason: 0 }]);
    expect(world.counters.dropped.get('mesh_unreachable')).toBe(1);
    expect(world.beyond.pending).toEqual({ topics: 0, messages: 0, bytes: 0 });
  });

  it('that a link still held when it ended goes to another node of the cluster, in order and once', () => {
    const first = world.up('c.1');
    world.becomes({ peers: ['c.1'], isSettled: true });
    world.publish('one');
    world.publish('two');
    world.links.delete('c.1');
    world.beyond.onClosed(first as unknown as Link, first.sent);
    expect(first.sent.every(({ taken }) => taken)).toBe(true);
    world.publish('three');
    const second = world.up('c.2');
    world.becomes({ peers: ['c.2'], isSettled: true });
    world.dials[0]!.done(null);
    expect(world.texts(second)).toEqual(['one', 'two', 'three']);
    expect(world.acks).toEqual([]);
    second.answer();
    expect(world.acks.map(({ reason }) => reason)).toEqual([0, 0, 0]);
  });

  it('that an evicted link still held goes before what has come since', () => {
    const evicted = world.up('a');
    world.becomes({ peers: ['a'], isSettled: true });
    world.publish('one');
    world.publish('two');
    world.links.delete('a');
    world.publish('three');
    world.beyond.onClosed(evicted as unknown as Link, evicted.sent);
    const again = world.up('a');
    expect(world.dials).toHaveLength(1);
    world.dials[0]!.done(world.link('a'));
    expect(world.texts(again)).toEqual(['one', 'two', 'three']);
    again.answer();
    expect(world.acks.map(({ reason }) => reason)).toEqual([0, 0, 0]);
    expect(world.beyond.pending).toEqual({ topics: 0, messages: 0, bytes: 0 });
  });

  it('waits, when a node cannot be reached, for what others of its cluster have to say', () => {
    world.becomes({ peers: ['c.1'], isSettled: true });
    world.publish('one');
    world.publish('two', 0);
    world.becomes(LOOKING);
    world.dials[0]!.done(null);
    expect(world.acks).toEqual([]);
    expect(world.beyond.pending).toMatchObject({ topics: 0, messages: 2 });
    const second = world.up('c.2');
    world.becomes({ peers: ['c.2'], isSettled: false });
    expect(world.texts(second)).toEqual(['one', 'two']);
    second.answer();
    expect(world.acks).toEqual([{ packetId: 1, reason: 0 }]);
    world.clock.advance(10_000);
    expect(world.counters.dropped.get('mesh_unreachable')).toBe(undefined);
  });

  it('does not wait for them for ever, and not for those who have nothing to say', () => {
    world.becomes({ peers: ['c.1'], isSettled: true });
    world.publish('one');
    world.becomes(LOOKING);
    world.dials[0]!.done(null);
    world.clock.advance(4999);
    expect(world.acks).toEqual([]);
    world.clock.advance(1);
    expect(world.acks).toEqual([{ packetId: 1, reason: 0 }]);
    expect(world.counters.dropped.get('mesh_unreachable')).toBe(1);
    world.becomes({ peers: ['c.1'], isSettled: true });
    world.publish('two');
    world.becomes(LOOKING);
    world.dials[1]!.done(null);
    world.becomes({ peers: [], isSettled: true });
    expect(world.acks).toHaveLength(2);
    expect(world.beyond.pending).toEqual({ topics: 0, messages: 0, bytes: 0 });
  });

  it('is answered with nothing that a client would not know, whatever the other node says', () => {
    const a = world.up('a');
    world.becomes({ peers: ['a'], isSettled: true });
    const said = [0, Reason.NoMatchingSubscribers, 3, 0x7f, Reason.QuotaExceeded, Reason.NotAuthorized, 0x95, 0xff];
    for (const [i, reason] of said.entries()) {
      world.publish(`${i}`);
      a.sent[i]!.obligations.meet(a.sent[i]!.slot, reason);
    }
    const { QuotaExceeded, NotAuthorized, UnspecifiedError } = Reason;
    const told = world.acks.map(({ reason }) => reason);
    expect(told).toEqual([0, 0, 0, 0, QuotaExceeded, NotAuthorized, UnspecifiedError, UnspecifiedError]);
  });

  it('takes no more bytes than there are, under drop-oldest', () => {
    world = new World({ queueFull: 'drop-oldest', meshPendingBytes: 2000 });
    for (const text of ['1', '2', '3', 'x'.repeat(1000), 'y'.repeat(1000)]) world.publish(text);
    expect(world.beyond.pending.bytes).toBeLessThanOrEqual(2000);
    expect(world.counters.dropped.get('mesh_pending_full')).toBe(4);
    expect(world.acks).toHaveLength(4);
  });

  it('of a realm that is not federated goes nowhere', () => {
    world.isFederated = () => false;
    const topic = world.realm.topics.lookup(Buffer.from('a/b'), 0, 3);
    expect(world.beyond.isWanted(world.realm, 'a/b', world.realm.route(topic))).toBe(false);
    expect(world.publish('one')).toBe(0);
    expect(world.asked).toBe(0);
  });
});
