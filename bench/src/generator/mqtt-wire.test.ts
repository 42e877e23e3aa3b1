import { describe, expect, it } from 'vitest';
import { MqttWire } from './mqtt-wire.ts';

const hex = (bytes: Buffer): string => bytes.toString('hex');

describe('MQTT as the generator speaks it', () => {
  it('encodes 3.1.1 packets as the specification lays them out', () => {
    const wire = new MqttWire(4, 1, []);
    expect(hex(wire.connect('ab'))).toBe('100e' + '00044d515454' + '04' + '02' + '0000' + '00026162');
    expect(hex(wire.subscribe('#'))).toBe('8206' + '0001' + '000123' + '01');
    expect(hex(wire.publish('t', Buffer.from('x'), 0x1234))).toBe('3206' + '000174' + '1234' + '78');
  });

  it('encodes 5.0 packets with their properties', () => {
    const wire = new MqttWire(5, 0, [['k', 'v']]);
    expect(hex(wire.connect(''))).toBe('100d' + '00044d515454' + '05' + '02' + '0000' + '00' + '0000');
    expect(hex(wire.publish('t', Buffer.from('x'), 0))).toBe('300c' + '000174' + '07' + '2600016b000176' + '78');
  });

  it('finds payload and packet id where the shape says', () => {
    const wire = new MqttWire(4, 1, []);
    const payload = Buffer.alloc(200, 'p');
    const shape = wire.deliveryShape(wire.topic(1), payload.length);
    const packet = wire.delivery(wire.topic(1), payload, 0x0506);
    expect(packet.length).toBe(shape.size);
    expect(packet.readUInt16BE(shape.packetIdOffset)).toBe(0x0506);
    expect(packet.subarray(shape.payloadOffset)).toEqual(payload);
  });

  it('waits for the whole answer and refuses a refusal', () => {
    const wire = new MqttWire(4, 0, []);
    expect(wire.connectAnswer(Buffer.of(0x20, 2, 0))).toBe(0);
    expect(wire.connectAnswer(Buffer.of(0x20, 2, 0, 0))).toBe(4);
    expect(() => wire.connectAnswer(Buffer.of(0x20, 2, 0, 3))).toThrow(/CONNACK/);
    expect(() => wire.subscribeAnswer(Buffer.of(0x90, 3, 0, 1, 0x80))).toThrow(/SUBACK/);
  });
});
