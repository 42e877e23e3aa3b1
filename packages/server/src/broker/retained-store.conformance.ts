import { RecentTopic, topicMatches } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { anyFilter, anyTopic } from '../testing/topics.ts';
import { Message } from './message.ts';
import type { RetainedStore } from './retained-store.ts';

export interface RetainedLimits {
  maxRetainedMessages: number;
  maxRetainedBytes: number;
}

const WIDE: RetainedLimits = { maxRetainedMessages: 1000, maxRetainedBytes: 1_000_000 };

const message = (topic: string, payload: string) =>
  Message.of(new RecentTopic(topic, Buffer.from(topic), 0), Buffer.from(payload), { qos: 0, retain: true });

/** What every retained store does. @param make a new, empty store with these bounds */
export function describeRetainedStore(name: string, make: (limits: RetainedLimits) => RetainedStore): void {
  const found = (store: RetainedStore, realm: string, filter: string) => {
    const all: [topic: string, payload: string][] = [];
    const matches = store.match(realm, filter);
    for (let step = matches.next(); step.done !== true; step = matches.next()) {
      if (step.value !== null) all.push([step.value, Buffer.from(store.get(realm, step.value)!.payload()).toString()]);
    }
    return all.sort();
  };

  describe(`${name}: retained messages`, () => {
    it('are the last of each topic', () => {
      const store = make(WIDE);
      expect(store.set('red', message('a', '1'))).toBe(true);
      expect(store.set('red', message('a', '2'))).toBe(true);
      store.set('red', message('a/b', '3'));
      expect(found(store, 'red', '#')).toEqual([
        ['a', '2'],
        ['a/b', '3'],
      ]);
      expect(store.messages).toBe(2);
      expect(store.bytes).toBeGreaterThanOrEqual(message('a', '2').costBytes + message('a/b', '3').costBytes);
    });

    it('are deleted by topic, without those below', () => {
      const store = make(WIDE);
      for (const topic of ['a', 'a/b', 'a/b/c']) store.set('red', message(topic, 'x'));
      expect(store.delete('red', 'a/b')).toBe(true);
      expect(store.delete('red', 'a/b')).toBe(false);
      expect(store.delete('red', 'nothing/here')).toBe(false);
      expect(store.delete('blue', 'a')).toBe(false);
      expect(found(store, 'red', 'a/#').map(([topic]) => topic)).toEqual(['a', 'a/b/c']);
      store.delete('red', 'a');
      store.delete('red', 'a/b/c');
      expect([store.messages, store.bytes]).toEqual([0, 0]);
      expect(found(store, 'red', '#')).toEqual([]);
    });

    it('of one realm are not found in another', () => {
      const store = make(WIDE);
      store.set('red', message('a', 'red'));
      store.set('blue', message('a', 'blue'));
      expect(found(store, 'red', '#')).toEqual([['a', 'red']]);
      expect(found(store, 'green', '#')).toEqual([]);
      store.delete('red', 'a');
      expect(found(store, 'blue', 'a')).toEqual([['a', 'blue']]);
    });

    it('are bounded in number over all realms; a topic that is there may be replaced', () => {
      const store = make({ ...WIDE, maxRetainedMessages: 2 });
      store.set('red', message('a', '1'));
      store.set('blue', message('a', '2'));
      expect(store.fits('red', message('b', '3'))).toBe(false);
      expect(store.set('red', message('b', '3'))).toBe(false);
      expect(store.set('red', message('a', '4'))).toBe(true);
      expect(found(store, 'red', '#')).toEqual([['a', '4']]);
      store.delete('blue', 'a');
      expect(store.set('red', message('b', '5'))).toBe(true);
    });

    it('are bounded in bytes; one that does not fit leaves the earlier one', () => {
      const one = message('a', 'x'.repeat(100));
      const alone = make(WIDE);
      alone.set('red', one);
      const store = make({ ...WIDE, maxRetainedBytes: alone.bytes });
      expect(store.set('red', one)).toBe(true);
      expect(store.set('red', message('a', 'y'.repeat(101)))).toBe(false);
      expect(found(store, 'red', 'a')).toEqual([['a', 'x'.repeat(100)]]);
      expect(store.set('red', message('a', 'y'.repeat(100)))).toBe(true);
    });

    it('do not hold on to a large buffer that they came in', () => {
      const store = make(WIDE);
      const buffer = Buffer.alloc(60_000, 'x');
      store.set(
        'red',
        new Message(new RecentTopic('a', Buffer.from('a'), 0), 0, true, 'p', 1e9, buffer, 10, 10, 10, 20),
      );
      const kept = store.get('red', 'a');
      expect(kept?.buffer.buffer.byteLength).toBeLessThan(1000);
    });

    it('are looked for in steps, so that a filter that matches none of very many holds nobody up', () => {
      const store = make({ maxRetainedMessages: 20_000, maxRetainedBytes: 100_000_000 });
      for (let i = 0; i < 5000; i++) store.set('red', message(`a/${i}/b`, 'x'));
      for (const filter of ['+/+/c', '#', 'a/#', '+/1/b']) {
        const matches = store.match('red', filter);
        let [steps, topics] = [0, 0];
        for (let step = matches.next(); step.done !== true; step = matches.next()) {
          steps++;
          if (step.value !== null) topics++;
        }
        const found = { '+/+/c': 0, '+/1/b': 1 }[filter] ?? 5000;
        expect(topics, filter).toBe(found);
        // A step finds a topic, or is over after some hundred places.
        if (filter !== '+/1/b') expect(steps, filter).toBeGreaterThanOrEqual(Math.max(found, 10));
      }
    });

    it('are found as they are at that moment, while others come and go', () => {
      const store = make(WIDE);
      for (const topic of ['a/1', 'a/2', 'a/3']) store.set('red', message(topic, 'old'));
      const matches = store.match('red', 'a/+');
      expect(matches.next().value).toBe('a/1');
      store.delete('red', 'a/2');
      store.set('red', message('a/3', 'new'));
      expect(matches.next().value).toBe('a/3');
      expect(Buffer.from(store.get('red', 'a/3')?.payload() ?? []).toString()).toBe('new');
    });

    it('are taken out once they have expired, some at a time', () => {
      const store = make(WIDE);
      for (let i = 0; i < 20; i++) {
        const topic = new RecentTopic(`t/${i}`, Buffer.from(`t/${i}`), 0);
        const expiresAtMs = i % 2 === 0 ? 10 : 1000;
        store.set('red', Message.of(topic, Buffer.from('x'), { qos: 0, retain: true, expiresAtMs }));
      }
      store.set('red', message('stays', 'x'));
      store.set('red', message('t/0', 'replaced by one that does not expire'));
      const told: string[] = [];
      store.onExpired = (realm, topic) => told.push(`${realm} ${topic}`);
      store.expire(9, 100);
      expect(store.messages).toBe(21);
      expect(told).toEqual([]);
      for (let rounds = 0; rounds < 4; rounds++) {
        const before = store.messages;
        store.expire(10, 5);
        expect(before - store.messages).toBeLessThanOrEqual(5);
      }
      expect(store.messages).toBe(12);
      expect(told.sort()).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18].map((i) => `red t/${i}`).sort());
      expect(store.get('red', 't/2')).toBeNull();
      expect(store.get('red', 't/0')).not.toBeNull();
      store.expire(1e9, 100);
      expect(found(store, 'red', '#').map(([topic]) => topic)).toEqual(['stays', 't/0']);
    });

    it('match as topicMatches says, for any topics and filters', () => {
      const change = fc.record({ realm: fc.constantFrom('red', 'blue'), topic: anyTopic, remove: fc.boolean() });
      fc.assert(
        fc.property(fc.array(change, { maxLength: 40 }), fc.array(anyFilter, { maxLength: 8 }), (changes, filters) => {
          const store = make(WIDE);
          const model = { red: new Map<string, string>(), blue: new Map<string, string>() };
          changes.forEach(({ realm, topic, remove }, i) => {
            const topics = model[realm as 'red' | 'blue'];
            if (remove) expect(store.delete(realm, topic)).toBe(topics.delete(topic));
            else {
              store.set(realm, message(topic, `${i}`));
              topics.set(topic, `${i}`);
            }
          });
          expect(store.messages).toBe(model.red.size + model.blue.size);
          for (const filter of filters) {
            const expected = [...model.red].filter(([topic]) => topicMatches(filter, topic)).sort();
            expect(found(store, 'red', filter)).toEqual(expected);
          }
        }),
        seeded(200),
      );
    });
  });
}
