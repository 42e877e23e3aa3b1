import { describe, expect, it } from 'vitest';
import { request } from '../testing/packets.ts';
import { TestBroker } from '../testing/test-broker.ts';
import type { TestClient } from '../testing/test-client.ts';

const subscribe = (client: TestClient, filter: string, identifier: number, qos: 0 | 1 | 2 = 1): number[] =>
  client.subscribeAll([request(filter, qos)], { subscriptionIdentifiers: [identifier] });
const identifiers = (client: TestClient): (number[] | undefined)[] =>
  client.messages.map((message) => message.properties.subscriptionIdentifiers);

describe('a subscription identifier', () => {
  it.each([0, 1, 2] as const)('comes with every message of its subscription [MQTT-3.3.4-3], QoS %i', (qos) => {
    const broker = new TestBroker();
    const client = broker.client('s');
    expect(subscribe(client, 't/#', 268_435_455, qos)).toEqual([qos]);
    const publisher = broker.client('p');
    publisher.publish('t/a', 'x', { qos, properties: { userProperties: [['k', 'v']] } });
    expect(identifiers(client)).toEqual([[268_435_455]]);
    expect(client.messages[0]?.properties.userProperties).toEqual([['k', 'v']]);
  });

  it('comes from all subscriptions that match, in one copy [MQTT-3.3.4-4]', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    subscribe(client, 't/#', 1);
    subscribe(client, 't/a', 200);
    client.subscribe('#', 2);
    broker.client('p').publish('t/a', 'x', { qos: 1 });
    expect(identifiers(client).map((each) => [...(each ?? [])].sort((a, b) => a - b))).toEqual([[1, 200]]);
  });

  it('is replaced when the filter is subscribed to again, with another or with none', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    const publisher = broker.client('p');
    for (const again of [
      () => subscribe(client, 't', 1),
      () => subscribe(client, 't', 2),
      () => client.subscribe('t', 1),
    ]) {
      again();
      publisher.publish('t', 'x', { qos: 1 });
    }
    expect(identifiers(client)).toEqual([[1], [2], undefined]);
  });

  it('comes with retained messages, and after a reconnect', () => {
    const broker = new TestBroker();
    const publisher = broker.client('p');
    publisher.publish('t', 'kept', { qos: 1, retain: true });
    const kept = { cleanStart: false, properties: { sessionExpiryIntervalS: 100 } };
    const client = broker.client('s', kept);
    subscribe(client, 't', 9);
    client.hangUp();
    publisher.publish('t', 'missed', { qos: 1 });
    const back = broker.client('s', kept);
    expect([...identifiers(client), ...identifiers(back)]).toEqual([[9], [9]]);
  });

  it('is not seen by others, nor by 3.1.1', () => {
    const broker = new TestBroker();
    const [own, other, old] = [broker.client('own'), broker.client('other'), broker.client('old', { version: 4 })];
    subscribe(own, 't', 5, 0);
    other.subscribe('t');
    old.subscribe('t');
    broker.client('p').publish('t', 'x');
    expect([own, other, old].map(identifiers)).toEqual([[[5]], [undefined], [undefined]]);
  });
});
