import { describe, expect, it } from 'vitest';
import type { Received } from './message-log.ts';
import { hexDump, type PayloadFormat, payloadText } from './payload.ts';

const received = (payload: Uint8Array, payloadBytes = payload.length): Received => ({
  id: 1,
  atMs: 0,
  topic: 't',
  payload,
  payloadBytes,
  qos: 0,
  retained: false,
  contentType: null,
});
const shown = (text: string, format: PayloadFormat = 'auto') =>
  payloadText(received(new TextEncoder().encode(text)), format);

describe('a payload', () => {
  it('is shown as what it is', () => {
    expect(shown('21.50 °C\tnow')).toBe('21.50 °C\tnow');
    expect(shown('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(shown('{broken')).toBe('{broken');
    expect(shown('"text"')).toBe('"text"');
    expect(payloadText(received(new Uint8Array([0xff, 0x00])), 'auto')).toBe(hexDump(new Uint8Array([0xff, 0x00])));
    expect(shown('a\0b')).toContain('61 00 62');
  });

  it('is shown as somebody asks', () => {
    expect(shown('{"a":1}', 'text')).toBe('{"a":1}');
    expect(shown('hi', 'hex')).toBe(`00000000  68 69${' '.repeat(42)}  hi`);
    expect(payloadText(received(new Uint8Array([0x68, 0xff])), 'text')).toBe('h\ufffd');
  });

  it('keeps the digits of its numbers', () => {
    expect(shown('[12345678901234567890, 1.50]', 'json')).toBe('[\n  12345678901234567890,\n  1.50\n]');
  });

  it('says where it was cut, also in the middle of a character', () => {
    const whole = new TextEncoder().encode('ab€');
    expect(payloadText(received(whole.slice(0, 4), 5), 'auto')).toBe('ab\n… the first 4 of 5 bytes');
  });
});

describe('a hex dump', () => {
  it('has sixteen bytes a line, in columns', () => {
    const lines = hexDump(Uint8Array.from({ length: 18 }, (_, i) => i + 0x41)).split('\n');
    expect(lines).toEqual([
      '00000000  41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f 50  ABCDEFGHIJKLMNOP',
      `00000010  51 52${' '.repeat(42)}  QR`,
    ]);
  });
});
