import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PacketError } from './packet-error.ts';
import { SEED } from './testing/arbitraries.ts';
import { checkUtf8, encodeUtf8, isMqttUtf8, readUtf8, utf8Length } from './utf8.ts';

const ILL_FORMED: [name: string, bytes: number[]][] = [
  ['U+0000', [0x00]],
  ['U+0000 in text', [0x61, 0x00, 0x62]],
  ['lone continuation', [0x80]],
  ['overlong U+0000', [0xc0, 0x80]],
  ['overlong slash', [0xc0, 0xaf]],
  ['overlong in two bytes', [0xc1, 0xbf]],
  ['overlong in three bytes', [0xe0, 0x9f, 0xbf]],
  ['overlong in four bytes', [0xf0, 0x8f, 0xbf, 0xbf]],
  ['first surrogate', [0xed, 0xa0, 0x80]],
  ['last surrogate', [0xed, 0xbf, 0xbf]],
  ['surrogate pair (CESU-8)', [0xed, 0xa0, 0xbd, 0xed, 0xba, 0x80]],
  ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['five-byte form', [0xf8, 0x88, 0x80, 0x80, 0x80]],
  ['0xFE', [0xfe]],
  ['0xFF', [0xff]],
  ['two bytes cut to one', [0xc3]],
  ['three bytes cut to two', [0xe2, 0x82]],
  ['four bytes cut to three', [0xf0, 0x9f, 0x9a]],
  ['bad third byte', [0xe2, 0x82, 0x41]],
  ['bad fourth byte', [0xf0, 0x9f, 0x9a, 0xc0]],
];

describe('a string is refused for', () => {
  test.each(ILL_FORMED)('%s', (_name, content) => {
    for (const around of [0, 40]) {
      const padding = new Array<number>(around).fill(0x61);
      const input = Uint8Array.from([...padding, ...content, ...padding]);
      expect(() => readUtf8(input, 0, input.length)).toThrow(PacketError);
      expect(() => checkUtf8(input, 0, input.length)).toThrow(PacketError);
    }
  });
});

test('a sequence that goes on beyond the range is cut', () => {
  const input = encodeUtf8('aé');
  expect(readUtf8(input, 0, 1)).toBe('a');
  expect(() => readUtf8(input, 0, 2)).toThrow(PacketError);
});

test('strings survive the round trip, byte order mark and all', () => {
  const odd = fc.constantFrom(
    '\ufeff',
    '\u0001',
    '\u007f',
    '\u0080',
    '\u07ff',
    '\u0800',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10ffff}',
  );
  const text = fc
    .array(fc.oneof(fc.string({ unit: 'binary' }), odd))
    .map((parts) => parts.join('').replaceAll('\0', ''));
  fc.assert(
    fc.property(text, (drawn) => {
      const input = encodeUtf8(drawn);
      expect(readUtf8(input, 0, input.length)).toBe(drawn);
      expect(utf8Length(drawn)).toBe(input.length);
    }),
    { numRuns: 2000, ...SEED },
  );
});

test('the platform decoder agrees on what is well-formed', () => {
  const strict = new TextDecoder('utf-8', { fatal: true });
  const bytesNearTheEdges = fc.oneof(
    fc.constantFrom(
      0x00,
      0x41,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
    ),
    fc.nat(255),
  );
  fc.assert(
    fc.property(fc.array(bytesNearTheEdges, { maxLength: 6 }), (content) => {
      const input = Uint8Array.from(content);
      let wellFormed = !content.includes(0);
      try {
        strict.decode(input);
      } catch {
        wellFormed = false;
      }
      expect(isMqttUtf8(input, 0, input.length)).toBe(wellFormed);
    }),
    { numRuns: 20_000, ...SEED },
  );
});
