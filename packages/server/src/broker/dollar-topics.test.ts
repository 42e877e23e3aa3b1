import { Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

const fromNode = (broker: TestBroker, topic: string, payload: string): void => {
  const { broker: core } = broker;
  core.context.router.publish(core.realms.get('default'), broker.message(topic, payload), null);
  broker.settle();
};

describe('topics that begin with $', () => {
  it('are not matched by a filter that begins with a wildcard [MQTT-4.7.2-1]', () => {
    const broker = new TestBroker();
    const [wild, exact] = [broker.client('w'), broker.client('e')];
    for (const filter of ['#', '+/x', '+/#']) wild.subscribe(filter);
    exact.subscribe('$SYS/#');
    exact.subscribe('$SYS/+');
    fromNode(broker, '$SYS/x', '1');
    expect(wild.take()).toEqual([]);
    expect(exact.take()).toEqual(['1']);
  });

  it('have nothing special about a $ further on', () => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('#');
    broker.client('p').publish('a/$b', '1');
    expect(client.take()).toEqual(['1']);
  });

  it.each([4, 5] as const)('are not for clients to publish on; the drop is counted (v%i)', (version) => {
    const broker = new TestBroker();
    const client = broker.client('s');
    client.subscribe('$SYS/#', 2);
    const publisher = broker.client('p', { version });
    publisher.publish('$SYS/x', 'x');
    publisher.publish('$SYS/x', 'x', { retain: true });
    const answers = ([1, 2] as const).map((qos) => publisher.reasonFor(publisher.publish('$SYS/x', 'x', { qos })));
    const reason = version === 5 ? Reason.NotAuthorized : 0;
    expect(answers).toEqual([reason, reason]);
    expect(client.take()).toEqual([]);
    expect(broker.retained.messages).toBe(0);
    expect(broker.dropped('not_authorized')).toBe(4);
    expect(publisher.closed).toBe(false);
  });
});
