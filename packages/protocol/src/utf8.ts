import { malformed } from './packet-error.ts';

/** Longest string (in bytes) that is put together by hand: below it, entering the platform's decoder costs more. */
const SHORT_STRING_BYTES = 32;
/** Longest string and binary datum that a two-byte length can announce, in bytes [MQTT-1.5.4]. */
export const MAX_FIELD_BYTES = 65_535;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Decodes `bytes[start, end)` as an MQTT UTF-8 string. A byte order mark is a character like any other [MQTT-1.5.4-3].
 * @throws {PacketError} MalformedPacket: ill-formed UTF-8, encoded surrogates [MQTT-1.5.4-1], or U+0000 [MQTT-1.5.4-2].
 */
export function readUtf8(bytes: Uint8Array, start: number, end: number): string {
  const asciiEnd = endOfAscii(bytes, start, end);
  if (asciiEnd === end && end - start <= SHORT_STRING_BYTES) {
    let text = '';
    for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
    return text;
  }
  if (!isMqttUtf8(bytes, asciiEnd, end)) throw illFormed();
  return decoder.decode(bytes.subarray(start, end));
}

/**
 * Checks what `readUtf8` checks, and makes no string.
 * @throws {PacketError} MalformedPacket.
 */
export function checkUtf8(bytes: Uint8Array, start: number, end: number): void {
  if (!isMqttUtf8(bytes, start, end)) throw illFormed();
}

/** Whether the range is well-formed UTF-8 (RFC 3629 §4, so no surrogates and nothing overlong) without U+0000. */
export function isMqttUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = endOfAscii(bytes, start, end);
  while (at < end) {
    const size = sequenceSize(bytes, at, end);
    if (size === 0) return false;
    at = endOfAscii(bytes, at + size, end);
  }
  return true;
}

/** Bytes that `text` takes in UTF-8, without encoding it. A lone surrogate counts as the U+FFFD it would become. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    const next = text.charCodeAt(i + 1);
    if (unit < 0x800) length += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
      length += 2;
      i++;
    } else length += 2;
  }
  return length;
}

/**
 * `text` as the bytes of an MQTT UTF-8 string, without the length prefix.
 * @throws {RangeError} when it takes more than 65,535 bytes, or holds U+0000 or a lone surrogate: such a string has no
 * encoding, and whoever took it in should have refused it.
 */
export function encodeUtf8(text: string): Uint8Array {
  if (!text.isWellFormed() || text.includes('\0')) throw new RangeError('string has no MQTT encoding');
  const bytes = encoder.encode(text);
  if (bytes.length > MAX_FIELD_BYTES) throw new RangeError(`string of ${bytes.length} bytes, at most 65,535 fit`);
  return bytes;
}

function illFormed() {
  return malformed('ill-formed UTF-8 or U+0000 in a string [MQTT-1.5.4-1] [MQTT-1.5.4-2]');
}

/** The first byte that is not in U+0001..U+007F, or `end`. */
function endOfAscii(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  // One comparison for both ends of the range: 0 wraps around to a large number.
  while (at < end && (bytes[at]! - 1) >>> 0 < 0x7f) at++;
  return at;
}

/** Length of the multi-byte sequence at `at`, or 0 when there is no well-formed one (RFC 3629 §4, the ABNF there). */
function sequenceSize(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + size > end) return 0;
  const second = bytes[at + 1]!;
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i = 2; i < size; i++) {
    if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  }
  return size;
}
