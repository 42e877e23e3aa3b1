import { RecentTopic } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { request } from '../testing/packets.ts';
import { Message } from './message.ts';
import { Delivery, DeliveryState, type DeliveryTerms, type SessionState, type SessionStore } from './session-store.ts';

const terms = (qos: 1 | 2, retain: boolean): DeliveryTerms => ({ qos, retain, identifiers: null, share: null });

const message = (payload: string, qos: 1 | 2 = 1) =>
  Message.of(new RecentTopic('t', Buffer.from('t'), 0), Buffer.from(payload), { qos, retain: false });

/** What every session store does. @param make a new, empty store */
export function describeSessionStore(name: string, make: () => SessionStore): void {
  const opened = (): SessionState => make().create('red', 'a', 60);
  const payloads = (session: SessionState) => {
    const all: string[] = [];
    while (session.peek() !== null) all.push(Buffer.from(session.send().message!.payload()).toString());
    return all;
  };
  const filled = (...contents: string[]): SessionState => {
    const session = opened();
    for (const content of contents) session.enqueue(message(content), terms(1, false), null);
    return session;
  };

  describe(`${name}: sessions`, () => {
    it('are found by realm and client id, listed in order of creation, and gone once removed', () => {
      const store = make();
      const sessions = [store.create('red', 'b', 0), store.create('red', 'a', 60), store.create('blue', 'a', 5)];
      expect(store.size).toBe(3);
      expect([...store.list()].map(({ realm, clientId, expiryS }) => [realm, clientId, expiryS])).toEqual([
        ['red', 'b', 0],
        ['red', 'a', 60],
        ['blue', 'a', 5],
      ]);
      expect(store.get('blue', 'a')).toBe(sessions[2]);
      expect(store.get('blue', 'b')).toBeNull();
      store.remove(sessions[1]!);
      expect(store.size).toBe(2);
      expect(store.get('red', 'a')).toBeNull();
      expect(store.get('blue', 'a')).toBe(sessions[2]);
    });

    it('do not mix up realms and client ids that read the same together', () => {
      const store = make();
      const session = store.create('a', 'b/c', 0);
      expect(store.get('a/b', 'c')).toBeNull();
      expect(store.get('ab', '/c')).toBeNull();
      expect(store.get('a', 'b/c')).toBe(session);
    });

    it('are empty at first, and again when made anew', () => {
      const store = make();
      const first = store.create('red', 'a', 60);
      first.subscribe(request('t', 1));
      first.enqueue(message('x'), terms(1, false), null);
      first.receive(1, null);
      store.remove(first);
      const second = store.create('red', 'a', 60);
      expect([second.subscriptions.size, second.queuedMessages, second.heldBytes, second.inFlight]).toEqual([
        0, 0, 0, 0,
      ]);
      expect(second.received).toBe(0);
      expect(second.peek()).toBeNull();
      expect(second.unacknowledged()).toEqual([]);
      expect(second.createdAtMs).toBeGreaterThanOrEqual(0);
    });

    it('take a new expiry', () => {
      const session = opened();
      session.setExpiry(7);
      expect(session.expiryS).toBe(7);
      expect(session.expiresAtMs).toBeNull();
      session.setExpiresAt(1234);
      expect(session.expiresAtMs).toBe(1234);
      session.setExpiresAt(null);
      expect(session.expiresAtMs).toBeNull();
    });
  });

  describe(`${name}: subscriptions`, () => {
    it('are kept by filter, the last options of each', () => {
      const session = opened();
      expect(session.subscribe(request('t', 1))).toBe(true);
      expect(session.subscribe(request('u', 0))).toBe(true);
      expect(session.subscribe(request('t', 2, { noLocal: true }))).toBe(false);
      expect(session.subscriptions.get('t')).toEqual(request('t', 2, { noLocal: true }));
      expect(session.subscriptions.size).toBe(2);
      expect(session.unsubscribe('t')).toBe(true);
      expect(session.unsubscribe('t')).toBe(false);
      expect([...session.subscriptions.keys()]).toEqual(['u']);
    });
  });

  describe(`${name}: the queue`, () => {
    it('gives messages in the order they came, each with a packet id of its own', () => {
      const session = filled('1', '2', '3');
      expect(session.queuedMessages).toBe(3);
      const first = session.peek();
      expect(session.send()).toBe(first);
      expect(first?.state).toBe(DeliveryState.AwaitPuback);
      expect(payloads(session)).toEqual(['2', '3']);
      const ids = session.unacknowledged().map((delivery) => delivery.packetId);
      expect(new Set(ids).size).toBe(3);
      expect(ids.every((id) => id >= 1 && id <= 0xffff)).toBe(true);
      expect([session.queuedMessages, session.inFlight]).toEqual([0, 3]);
    });

    it('drops the oldest or the newest, and never what is in flight', () => {
      const session = filled('1', '2', '3', '4');
      session.send();
      expect(session.drop('oldest')).not.toBeNull();
      expect(session.drop('newest')).not.toBeNull();
      expect(payloads(session)).toEqual(['3']);
      expect(session.drop('oldest')).toBeNull();
      expect(session.drop('newest')).toBeNull();
      expect(session.inFlight).toBe(2);
    });

    it('keeps QoS and RETAIN as they were given', () => {
      const session = opened();
      session.enqueue(message('x', 2), terms(2, true), null);
      const delivery = session.send();
      expect(delivery.terms).toEqual(terms(2, true));
      expect(delivery.state).toBe(DeliveryState.AwaitPubrec);
    });

    it('lets go of what has expired, and leaves the rest in order', () => {
      const session = opened();
      const at = (content: string, expiresAtMs: number) =>
        Message.of(new RecentTopic('t', Buffer.from('t'), 0), Buffer.from(content), {
          qos: 1,
          retain: false,
          expiresAtMs,
        });
      for (const [content, expiresAtMs] of [
        ['1', 10],
        ['2', 99],
        ['3', 10],
        ['4', 11],
      ] as const) {
        session.enqueue(at(content, expiresAtMs), terms(1, false), null);
      }
      const sent = session.send();
      expect(session.dropExpired(10)).toBe(1);
      expect(session.dropExpired(10)).toBe(0);
      expect(session.find(sent.packetId)).toBe(sent);
      expect(session.queuedBytes).toBe(2 * sent.message!.costBytes);
      expect(payloads(session)).toEqual(['2', '4']);
    });

    it('accounts for bytes until a message is let go, whatever becomes of it', () => {
      const session = filled('1', '22', '333', '4444');
      const cost = (content: string) => message(content).costBytes;
      const total = ['1', '22', '333', '4444'].reduce((sum, content) => sum + cost(content), 0);
      expect(session.heldBytes).toBe(total);
      const first = session.send();
      expect(session.heldBytes).toBe(total);
      expect(session.queuedBytes).toBe(total - cost('1'));
      session.complete(first);
      expect(session.heldBytes).toBe(total - cost('1'));
      session.drop('newest');
      session.drop('oldest');
      expect(session.heldBytes).toBe(cost('333'));
      const last = session.send();
      session.release(last);
      expect(session.heldBytes).toBe(0);
      session.complete(last);
      expect(session.heldBytes).toBe(0);
    });
  });

  describe(`${name}: the window`, () => {
    it('finds what is in flight by packet id, until it is complete', () => {
      const session = filled('1', '2');
      const [first, second] = [session.send(), session.send()];
      expect(session.find(first.packetId)).toBe(first);
      session.complete(first);
      expect(session.find(first.packetId)).toBeNull();
      expect(session.find(second.packetId)).toBe(second);
      expect(session.find(60_000)).toBeNull();
      expect(session.inFlight).toBe(1);
    });

    it('keeps only the packet id after a release [MQTT-4.3.3-6]', () => {
      const session = opened();
      session.enqueue(message('x', 2), terms(2, false), null);
      const delivery = session.send();
      session.release(delivery);
      expect(session.find(delivery.packetId)).toBe(delivery);
      expect([delivery.state, delivery.message]).toEqual([DeliveryState.AwaitPubcomp, null]);
      expect(session.unacknowledged()).toEqual([delivery]);
    });

    it('does not hold on to the large buffer that a message came in', () => {
      const session = opened();
      const buffer = Buffer.alloc(60_000, 'x');
      const topic = new RecentTopic('t', Buffer.from('t'), 0);
      session.enqueue(
        new Message(topic, 1, false, 'p', Number.POSITIVE_INFINITY, buffer, 10, 10, 10, 20),
        terms(1, false),
        null,
      );
      const { message: sent } = session.send();
      session.compact();
      expect(sent?.buffer.buffer.byteLength).toBeLessThan(1000);
      expect(Buffer.from(sent?.payload() ?? []).toString()).toBe('x'.repeat(10));
    });

    it('lends a packet id, which is in use until it is complete, to what it does not keep', () => {
      const session = filled('1', '2');
      const lent = new Delivery(message('event'), terms(1, false), 0);
      const first = session.send();
      const before = [session.heldBytes, session.queuedMessages, session.undelivered];
      session.lend(lent);
      lent.message = null;
      expect([session.heldBytes, session.queuedMessages, session.undelivered]).toEqual(before);
      expect([lent.state, session.inFlight]).toEqual([DeliveryState.AwaitPuback, 2]);
      const second = session.send();
      expect(new Set([first.packetId, lent.packetId, second.packetId]).size).toBe(3);
      expect(session.find(lent.packetId)).toBe(lent);
      session.complete(lent);
      expect(session.find(lent.packetId)).toBeNull();
      expect(session.unacknowledged()).toEqual([first, second]);
    });

    it('counts what the client does not have yet', () => {
      const session = opened();
      for (const payload of ['1', '2', '3']) session.enqueue(message(payload, 2), terms(2, false), null);
      const [first] = [session.send(), session.send()];
      expect(session.undelivered).toBe(3);
      session.release(first);
      expect(session.undelivered).toBe(2);
      session.complete(first);
      expect(session.undelivered).toBe(2);
    });

    it('lists all in the order of sending, also after packet ids went round', () => {
      const session = opened();
      for (let i = 0; i < 65_530; i++) {
        session.enqueue(message('x'), terms(1, false), null);
        session.complete(session.send());
      }
      for (let i = 0; i < 20; i++) session.enqueue(message(`${i}`), terms(1, false), null);
      payloads(session);
      const order = session.unacknowledged().map((delivery) => Buffer.from(delivery.message!.payload()).toString());
      expect(order).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    });
  });

  describe(`${name}: packet ids from the client`, () => {
    it('are noted once, until they are forgotten [MQTT-4.3.3-10]', () => {
      const session = opened();
      expect(session.receive(5, null)).toBe(true);
      expect(session.receive(5, null)).toBe(false);
      expect(session.receive(6, null)).toBe(true);
      expect(session.received).toBe(2);
      expect(session.forget(5, null)).toBe(true);
      expect(session.forget(5, null)).toBe(false);
      expect(session.received).toBe(1);
      expect(session.receive(5, null)).toBe(true);
    });
  });
}
