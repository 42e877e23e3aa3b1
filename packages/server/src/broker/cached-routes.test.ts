import { topicMatches } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { request } from '../testing/packets.ts';
import { seeded } from '../testing/seed.ts';
import { TestBroker } from '../testing/test-broker.ts';
import { anyFilter, anyTopic } from '../testing/topics.ts';
import type { Route } from './route.ts';

const CLIENTS = ['a', 'b', 'c'];

describe('the route of a topic', () => {
  it('is never out of date, whatever is subscribed and unsubscribed between two messages', () => {
    const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
    const change = fc.record({
      client: fc.constantFrom(...CLIENTS),
      filter: anyFilter,
      qos,
      noLocal: fc.boolean(),
      remove: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(anyTopic, { minLength: 1, maxLength: 6 }),
        fc.array(change, { maxLength: 40 }),
        (topics, changes) => {
          const broker = new TestBroker();
          for (const id of CLIENTS) broker.client(id);
          const realm = broker.broker.realms.get('default');
          const model = new Map<string, { client: string; filter: string; qos: number; noLocal: boolean }>();
          for (const { client, filter, qos: wanted, noLocal, remove } of changes) {
            const session = broker.session(client)!;
            const key = `${client} ${filter}`;
            if (remove) expect(session.unsubscribe(filter)).toBe(model.delete(key));
            else {
              session.subscribe(request(filter, wanted, { noLocal }));
              model.set(key, { client, filter, qos: wanted, noLocal });
            }
            for (const name of topics) {
              const bytes = Buffer.from(name);
              const route: Route = realm.route(realm.topics.lookup(bytes, 0, bytes.length));
              const got = route.targets.map((target) => [target.session.clientId, target.qos, target.noLocal]);
              const expected = CLIENTS.flatMap((id) => {
                const matching = [...model.values()].filter((s) => s.client === id && topicMatches(s.filter, name));
                if (matching.length === 0) return [];
                return [[id, Math.max(...matching.map((s) => s.qos)), matching.every((s) => s.noLocal)]];
              });
              expect(got.sort()).toEqual(expected);
            }
          }
        },
      ),
      seeded(200),
    );
  });

  it('is kept while nothing changes that could touch it', () => {
    const broker = new TestBroker();
    broker.client('a');
    const session = broker.session('a')!;
    const realm = broker.broker.realms.get('default');
    const route = () => realm.route(realm.topics.lookup(Buffer.from('x/y/z'), 0, 5));
    session.subscribe(request('x/y/#', 0));
    const first = route();
    for (const filter of ['q', 'q/#', 'q/+/z', 'x/q/#', 'x/y']) session.subscribe(request(filter, 0));
    expect(route()).toBe(first);
    session.subscribe(request('+/y/z', 0));
    expect(route()).not.toBe(first);
  });

  it('of a session that ends is forgotten', () => {
    const broker = new TestBroker();
    const client = broker.client('a');
    client.subscribe('x/#');
    const publisher = broker.client('p');
    publisher.publish('x/y', '1');
    client.hangUp();
    publisher.publish('x/y', '2');
    const again = broker.client('a');
    publisher.publish('x/y', '3');
    expect([client.take(), again.take()]).toEqual([['1'], []]);
  });
});
