import { PacketType, Reason } from '@plexus/protocol';
import { describe, expect, it } from 'vitest';
import { TestBroker } from '../../testing/test-broker.ts';

// §4.8.2: shared subscriptions.

const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 100 } };
const SHARE = '$share/g/t';

describe('a shared subscription', () => {
  it('gives each member its messages at the QoS granted to it [MQTT-4.8.2-3]', () => {
    const broker = new TestBroker();
    const members = ([0, 1, 2] as const).map((qos) => {
      const member = broker.client(`m${qos}`);
      expect(member.subscribe(SHARE, qos)).toEqual([qos]);
      return member;
    });
    const publisher = broker.client('p');
    for (let i = 0; i < 6; i++) publisher.publish('t', `${i}`, { qos: 2 });
    expect(members.map((member) => member.messages.map(({ qos }) => qos))).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
  });

  it('completes QoS 2 with the member that has it, from where it was [MQTT-4.8.2-4]', () => {
    const broker = new TestBroker();
    const first = broker.client('first', { ...KEPT, autoAck: false });
    first.subscribe(SHARE, 2);
    broker.client('p').publish('t', 'x', { qos: 2 });
    const other = broker.client('other');
    other.subscribe(SHARE, 2);
    const { packetId } = first.messages[0]!;
    first.ack(PacketType.Pubrec, packetId);
    first.hangUp();
    const back = broker.client('first', KEPT);
    expect(back.packets.slice(1)).toMatchObject([{ on: 'pubrel', packetId }]);
    expect(other.take()).toEqual([]);
    expect(broker.session('first')?.state.inFlight).toBe(0);
  });

  it.each([1, 2] as const)('passes on nothing that a member has refused, QoS %i [MQTT-4.8.2-6]', (qos) => {
    const broker = new TestBroker();
    const refuses = broker.client('refuses', { autoAck: false });
    refuses.subscribe(SHARE, qos);
    broker.client('p').publish('t', 'x', { qos });
    const other = broker.client('other');
    other.subscribe(SHARE, qos);
    const type = qos === 1 ? PacketType.Puback : PacketType.Pubrec;
    refuses.ack(type, refuses.messages[0]!.packetId, Reason.QuotaExceeded);
    refuses.hangUp();
    expect(other.take()).toEqual([]);
  });

  it('with no local is a protocol error [MQTT-3.8.3-4]', () => {
    const client = new TestBroker().client('a');
    client.subscribe(SHARE, 1, { noLocal: true });
    expect(client.disconnectReason).toBe(Reason.ProtocolError);
    expect(client.closed).toBe(true);
  });
});
