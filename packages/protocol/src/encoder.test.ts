import { describe, expect, test } from 'vitest';
import { copyBytes } from './bytes.ts';
import { encodeConnect } from './encode-client.ts';
import { encodeAck, encodeAuth, encodeDisconnect } from './encode-common.ts';
import { encodeConnack, encodeSuback, encodeUnsuback } from './encode-server.ts';
import { publishSize, writeAck, writePublish, writePublishHeader } from './encoder.ts';
import { PacketType } from './packets.ts';
import { encodePublishProperties } from './properties.ts';
import { bytes, packet, props, u16 } from './testing/bytes.ts';
import { plainConnect } from './testing/recorder.ts';

const EMPTY = new Uint8Array(0);

describe('PUBLISH', () => {
  test('is written between other bytes, from ranges of larger buffers', () => {
    const out = new Uint8Array(40).fill(0xee);
    const properties = bytes(0xff, 0x01, 0x01, 0xff);
    const payload = bytes(0xff, 1, 2, 3, 0xff);
    const end = writePublish(out, 5, 5, 0x0b, bytes(0x61, 0x62), 0x1234, properties, 1, 3, payload, 1, 4);
    const expected = packet(0x3b, 'ab', [0x12, 0x34], props(0x01, 1), [1, 2, 3]);
    expect(out.slice(5, end)).toEqual(expected);
    expect([out[4], out[end]]).toEqual([0xee, 0xee]);
  });

  test.each([
    [4, 1, 0, 0, 124, 129],
    [4, 1, 0, 0, 125, 131],
    [5, 1, 1, 0, 121, 129],
    [5, 1, 1, 0, 122, 131],
    [5, 1, 0, 127, 0, 134],
    [5, 1, 0, 128, 0, 136],
    [4, 1, 0, 0, 16_380, 16_386],
    [4, 1, 0, 0, 16_381, 16_388],
    [4, 1, 0, 0, 2_097_148, 2_097_155],
    [4, 1, 0, 0, 2_097_149, 2_097_157],
  ] as const)(
    'protocol level %i, topic %i, QoS %i, properties %i, payload %i: %i bytes',
    (version, topic, qos, properties, payload, size) => {
      expect(publishSize(version, topic, qos, properties, payload)).toBe(size);
      const out = new Uint8Array(size);
      const args = [new Uint8Array(properties), 0, properties, new Uint8Array(payload), 0, payload] as const;
      expect(writePublish(out, 0, version, qos << 1, new Uint8Array(topic), 1, ...args)).toBe(size);
    },
  );

  test('header alone ends where the payload begins', () => {
    const whole = packet(0x32, 'ab', u16(7), props(0x01, 1), [1, 2, 3]);
    const out = new Uint8Array(whole.length);
    const end = writePublishHeader(out, 0, 5, 2, bytes(0x61, 0x62), 7, bytes(0x01, 0x01), 0, 2, 3);
    expect(end).toBe(whole.length - 3);
    expect(out.slice(0, end)).toEqual(whole.slice(0, end));
  });

  test('over the largest remaining length is refused', () => {
    const write = () => writePublish(new Uint8Array(9), 0, 4, 0, bytes(0x61), 0, EMPTY, 0, 0, EMPTY, 0, 268_435_453);
    expect(write).toThrow(RangeError);
  });
});

test('copies of every small length are exact', () => {
  const source = Uint8Array.from({ length: 200 }, (_, i) => i + 1);
  for (let length = 0; length < 150; length++) {
    const out = new Uint8Array(200);
    expect(copyBytes(out, 7, Buffer.from(source), 3, 3 + length)).toBe(7 + length);
    expect(out).toEqual(bytes(new Uint8Array(7), source.slice(3, 3 + length), new Uint8Array(193 - length)));
  }
});

test.each([
  [PacketType.Puback, 0x40],
  [PacketType.Pubrec, 0x50],
  [PacketType.Pubrel, 0x62],
  [PacketType.Pubcomp, 0x70],
])('an acknowledgement of type %i begins with %#x', (type, first) => {
  const out = new Uint8Array(6);
  expect(writeAck(out, 1, type, 0xabcd)).toBe(5);
  expect(out).toEqual(bytes(0, first, 2, 0xab, 0xcd, 0));
  expect(encodeAck(5, type, 0xabcd, 0)).toEqual(bytes(first, 2, 0xab, 0xcd));
});

describe('in 3.1.1', () => {
  test('SUBACK knows one failure', () => {
    const packet = { packetId: 1, reasons: [0, 2, 0x87, 0x9e], properties: {} };
    expect(encodeSuback(4, packet)).toEqual(bytes(0x90, 6, u16(1), 0, 2, 0x80, 0x80));
  });

  test('UNSUBACK, acknowledgements and DISCONNECT carry no reason', () => {
    expect(encodeUnsuback(4, { packetId: 1, reasons: [0, 0x11], properties: {} })).toEqual(bytes(0xb0, 2, u16(1)));
    expect(encodeAck(4, PacketType.Pubrec, 1, 0x97, { reasonString: 'full' })).toEqual(bytes(0x50, 2, u16(1)));
    expect(encodeDisconnect(4, 0x8e, { reasonString: 'bye' })).toEqual(bytes(0xe0, 0));
  });

  test.each([
    [0x00, 0],
    [0x84, 1],
    [0x85, 2],
    [0x97, 3],
    [0x88, 3],
    [0x86, 4],
    [0x87, 5],
  ])('CONNACK says reason %#x as return code %i', (reason, code) => {
    expect(encodeConnack(4, { sessionPresent: false, reason, properties: {} })).toEqual(bytes(0x20, 2, 0, code));
  });

  test('CONNACK has no return code for other reasons', () => {
    expect(() => encodeConnack(4, { sessionPresent: false, reason: 0x81, properties: {} })).toThrow(RangeError);
  });
});

describe('in 5.0', () => {
  test('reasons and properties are left out where they may be', () => {
    expect(encodeAck(5, PacketType.Puback, 1, 0x10)).toEqual(bytes(0x40, 3, u16(1), 0x10));
    expect(encodeAck(5, PacketType.Puback, 1, 0, {})).toEqual(bytes(0x40, 2, u16(1)));
    expect(encodeAck(5, PacketType.Puback, 1, 0, { reasonString: 'r' })).toEqual(
      bytes(0x40, 8, u16(1), 0, props(0x1f, 'r')),
    );
    expect(encodeDisconnect(5, 0)).toEqual(bytes(0xe0, 0));
    expect(encodeDisconnect(5, 0x8b)).toEqual(bytes(0xe0, 1, 0x8b));
    expect(encodeDisconnect(5, 0, { reasonString: 'r' })).toEqual(bytes(0xe0, 6, 0, props(0x1f, 'r')));
    expect(encodeAuth(0, {})).toEqual(bytes(0xf0, 0));
  });

  test('what has no encoding is refused', () => {
    expect(() => encodeDisconnect(5, 0, { topicAlias: 1 })).toThrow(TypeError);
    expect(() => encodePublishProperties({ topicAlias: 0 })).toThrow(RangeError);
    expect(() => encodePublishProperties({ topicAlias: 65_536 })).toThrow(RangeError);
    expect(() => encodePublishProperties({ contentType: 'a\0' })).toThrow(RangeError);
    expect(() => encodePublishProperties({ contentType: '\ud800' })).toThrow(RangeError);
    expect(() => encodePublishProperties({ correlationData: new Uint8Array(65_536) })).toThrow(RangeError);
    expect(() => encodeConnect({ ...plainConnect(5), clientId: 'x'.repeat(65_536) })).toThrow(RangeError);
  });
});
