import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { will } from '../testing/packets.ts';
import { seeded } from '../testing/seed.ts';
import { TestBroker } from '../testing/test-broker.ts';

const REALMS = ['red', 'blue', 'green'] as const;
const authenticator = { authenticate: (username: string | null) => ({ realm: username!, username }) };

describe('realms', () => {
  it('never leak: whatever clients do, each hears only of its own realm', () => {
    const realm = fc.constantFrom(...REALMS);
    const topic = fc.constantFrom('t', 't/a', 'u');
    const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
    const action = fc.oneof(
      fc.record({ do: fc.constant('subscribe' as const), realm, filter: fc.constantFrom('#', 't', 't/#', '+'), qos }),
      fc.record({ do: fc.constant('publish' as const), realm, topic, qos, retain: fc.boolean() }),
      fc.record({ do: fc.constant('break' as const), realm }),
      fc.record({ do: fc.constant('broadcast' as const), realm }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const broker = new TestBroker({ authenticator });
        const connect = (name: string) =>
          broker.client('same id', {
            username: name,
            cleanStart: false,
            properties: { sessionExpiryIntervalS: 60 },
            will: will('t/will', name, { retain: true, qos: 1 }),
          });
        const clients = new Map<string, ReturnType<typeof connect>>(REALMS.map((name) => [name, connect(name)]));
        for (const step of actions) {
          const client = clients.get(step.realm)!;
          if (step.do === 'subscribe') client.subscribe(step.filter, step.qos);
          else if (step.do === 'publish')
            client.publish(step.topic, step.realm, { qos: step.qos, retain: step.retain });
          else if (step.do === 'broadcast') {
            broker.broker.clients.broadcast(step.realm, broker.message('t', step.realm));
            broker.settle();
          } else {
            client.hangUp();
            clients.set(step.realm, connect(step.realm));
          }
          for (const [name, { messages }] of clients) {
            expect(messages.filter((message) => message.payload !== name)).toEqual([]);
          }
        }
      }),
      seeded(100),
    );
  });

  it('that nobody is in are not made by asking', () => {
    const broker = new TestBroker({ authenticator });
    expect(broker.broker.realms.find('red')).toBeNull();
    expect(broker.broker.clients.count('red')).toBe(0);
    expect(broker.broker.clients.clientIds('red')).toEqual([]);
    expect([...broker.broker.realms.all()]).toEqual([]);
  });
});
