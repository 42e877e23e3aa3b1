import { describe, expect, test } from 'vitest';
import { PacketError } from './packet-error.ts';
import { MAX_VARINT, readVarint, varintSize, writeVarint } from './varint.ts';

describe('variable byte integers', () => {
  // The limits in table 1-1 of MQTT 5.0 §1.5.5.
  test.each([
    [0, [0x00]],
    [127, [0x7f]],
    [128, [0x80, 0x01]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 0x01]],
    [2_097_151, [0xff, 0xff, 0x7f]],
    [2_097_152, [0x80, 0x80, 0x80, 0x01]],
    [MAX_VARINT, [0xff, 0xff, 0xff, 0x7f]],
  ])('%i', (value, encoded) => {
    const out = new Uint8Array(encoded.length + 1);
    expect(writeVarint(out, 1, value)).toBe(encoded.length + 1);
    expect([...out.slice(1)]).toEqual(encoded);
    expect(readVarint(out, 1, out.length)).toBe(value);
    expect(varintSize(value)).toBe(encoded.length);
    expect(() => readVarint(out, 1, out.length - 1)).toThrow(PacketError);
  });

  test.each([[[0x80, 0x00]], [[0xff, 0x80, 0x00]], [[0x80, 0x80, 0x80, 0x80]], [[0xff, 0xff, 0xff, 0xff, 0x7f]], [[]]])(
    '%j is none',
    (encoded) => {
      expect(() => readVarint(Uint8Array.from(encoded), 0, encoded.length)).toThrow(PacketError);
    },
  );

  test('over the largest are not written', () => {
    expect(() => writeVarint(new Uint8Array(5), 0, MAX_VARINT + 1)).toThrow(RangeError);
  });
});
