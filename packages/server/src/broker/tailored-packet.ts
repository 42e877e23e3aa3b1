import { copyBytes, messageExpiryOffset, publishSize, topicAliasProperty, writePublish } from '@plexus/protocol';
import type { Message } from './message.ts';
import type { AliasUse } from './topic-aliases.ts';

const NO_BYTES = new Uint8Array(0);

/** What a PUBLISH to one client has that the same message to others has not. MQTT 5.0 only. */
export interface Tailoring {
  /** Low nibble of the first byte. */
  readonly flags: number;
  /** 0 at QoS 0. */
  readonly packetId: number;
  /** Subscription identifiers as properties; null for none. */
  readonly identifiers: Uint8Array | null;
  /** null: the topic as it is. */
  readonly alias: AliasUse | null;
}

/** A PUBLISH made for one client, in memory of its own. The message expiry interval is what is left of it [MQTT-3.3.2-6]. */
export function tailoredPacket(message: Message, tailoring: Tailoring, wallMs: number): Uint8Array {
  const { flags, packetId, identifiers, alias } = tailoring;
  const aliasBytes = alias === null ? NO_BYTES : topicAliasProperty(alias.alias);
  const identifierBytes = identifiers ?? NO_BYTES;
  const { buffer, propertiesStart, propertiesEnd, payloadStart, payloadEnd } = message;
  const properties = new Uint8Array(message.propertiesLength + aliasBytes.length + identifierBytes.length);
  let end = copyBytes(properties, 0, buffer, propertiesStart, propertiesEnd);
  end = copyBytes(properties, end, aliasBytes, 0, aliasBytes.length);
  copyBytes(properties, end, identifierBytes, 0, identifierBytes.length);
  if (message.expiresAtMs !== Number.POSITIVE_INFINITY) setExpiry(properties, message, wallMs);
  const topic = alias?.known === true ? NO_BYTES : message.topic.bytes;
  const qos = ((flags >> 1) & 3) as 0 | 1 | 2;
  const out = Buffer.allocUnsafe(publishSize(5, topic.length, qos, properties.length, message.payloadLength));
  writePublish(out, 0, 5, flags, topic, packetId, properties, 0, properties.length, buffer, payloadStart, payloadEnd);
  return out;
}

/** Seconds are rounded up: a message that may still be delivered has not expired. */
function setExpiry(properties: Uint8Array, message: Message, wallMs: number): void {
  const at = messageExpiryOffset(properties, 0, message.propertiesLength);
  if (at === -1) return;
  const leftS = Math.max(0, Math.ceil((message.expiresAtMs - wallMs) / 1000));
  new DataView(properties.buffer, properties.byteOffset).setUint32(at, leftS);
}
