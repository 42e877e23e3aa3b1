import { copyBytes } from './bytes.ts';
import { readVarint, varintSize, writeVarint } from './varint.ts';

// The properties of a PUBLISH as they stand in the packet, without their length prefix: already checked by the decoder,
// and changed here without being parsed into objects.

const SUBSCRIPTION_IDENTIFIER = 0x0b;
const MESSAGE_EXPIRY = 0x02;
const TOPIC_ALIAS = 0x23;

/** The property that names a subscription in a PUBLISH to its client. @param identifier 1 to 268,435,455 */
export function subscriptionIdentifierProperty(identifier: number): Uint8Array {
  const out = new Uint8Array(1 + varintSize(identifier));
  out[0] = SUBSCRIPTION_IDENTIFIER;
  writeVarint(out, 1, identifier);
  return out;
}

/** @param alias 1 to 65,535 */
export function topicAliasProperty(alias: number): Uint8Array {
  return new Uint8Array([TOPIC_ALIAS, alias >>> 8, alias & 0xff]);
}

/** Where the four bytes of the message expiry interval stand in `bytes[start, end)`; -1 if there is none. */
export function messageExpiryOffset(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at = propertyEnd(bytes, at, end)) if (bytes[at] === MESSAGE_EXPIRY) return at + 1;
  return -1;
}

/** The properties in `bytes[start, end)` but for a topic alias, in memory of their own. */
export function withoutTopicAlias(bytes: Uint8Array, start: number, end: number): Uint8Array {
  for (let at = start; at < end; ) {
    const next = propertyEnd(bytes, at, end);
    if (bytes[at] === TOPIC_ALIAS) {
      const out = new Uint8Array(end - start - (next - at));
      copyBytes(out, copyBytes(out, 0, bytes, start, at), bytes, next, end);
      return out;
    }
    at = next;
  }
  return bytes.slice(start, end);
}

/** Lengths by the data types of MQTT 5.0 table 2-4. */
function propertyEnd(bytes: Uint8Array, at: number, end: number): number {
  const id = bytes[at]!;
  const value = at + 1;
  switch (id) {
    case 0x01:
      return value + 1;
    case MESSAGE_EXPIRY:
      return value + 4;
    case TOPIC_ALIAS:
      return value + 2;
    case SUBSCRIPTION_IDENTIFIER:
      return value + varintSize(readVarint(bytes, value, end));
    case 0x26:
      return fieldEnd(bytes, fieldEnd(bytes, value));
    default:
      return fieldEnd(bytes, value);
  }
}

function fieldEnd(bytes: Uint8Array, at: number): number {
  return at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
}
