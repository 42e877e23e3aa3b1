import type { Received } from './message-log.ts';

export type PayloadFormat = 'auto' | 'text' | 'json' | 'hex';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const HEX_PER_LINE = 16;
/** Control characters other than tab, line feed and carriage return: a payload with one is not text for a person. */
const CONTROL = /(?![\t\n\r])\p{Cc}/u;

/** A payload for reading. `auto` is JSON if it is an object or array, else text if it is UTF-8, else hex. */
export function payloadText({ payload, payloadBytes }: Received, format: PayloadFormat): string {
  const cut = payloadBytes > payload.length;
  const shown = show(payload, format, cut);
  return cut ? `${shown}\n… the first ${payload.length} of ${payloadBytes} bytes` : shown;
}

function show(payload: Uint8Array, format: PayloadFormat, cut: boolean): string {
  if (format === 'hex') return hexDump(payload);
  if (format === 'text') return lenient.decode(payload);
  const text = utf8OrNull(payload, cut);
  if (text === null) return format === 'json' ? lenient.decode(payload) : hexDump(payload);
  const json = cut ? null : prettyJson(text, format === 'auto');
  return json ?? text;
}

/** @param cut whether the last character may be missing its end */
function utf8OrNull(payload: Uint8Array, cut: boolean): string | null {
  try {
    const text = cut
      ? new TextDecoder('utf-8', { fatal: true }).decode(payload, { stream: true })
      : strict.decode(payload);
    return CONTROL.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** What JSON.parse gives a reviver, and JSON.rawJSON: numbers keep their digits, where the browser can (ES2026). */
type WithSource = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;
const rawJson = (JSON as { rawJSON?: (text: string) => unknown }).rawJSON;
const keepDigits: WithSource = (_key, value, context) =>
  typeof value === 'number' && context?.source !== undefined && rawJson !== undefined ? rawJson(context.source) : value;

function prettyJson(text: string, structuredOnly: boolean): string | null {
  if (structuredOnly && !/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text, keepDigits), null, 2);
  } catch {
    return null;
  }
}

/** `00000000  68 65 6c 6c 6f  hello`, sixteen bytes a line. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_PER_LINE) {
    const line = bytes.subarray(at, at + HEX_PER_LINE);
    const hex = Array.from(line, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = Array.from(line, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(HEX_PER_LINE * 3 - 1)}  ${text}`);
  }
  return lines.join('\n');
}
