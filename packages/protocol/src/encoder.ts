import { copyBytes } from './bytes.ts';
import { PacketType, type ProtocolVersion, type Qos } from './packets.ts';
import { varintSize, writeVarint } from './varint.ts';

// The hot half of the encoder: writes into memory that the caller owns, and allocates nothing for small fields.

/** First bytes of the acknowledgements by packet type; PUBREL has the reserved flags 0010 [MQTT-3.6.1-1]. */
export function ackFirstByte(type: number): number {
  return (type << 4) | (type === PacketType.Pubrel ? 2 : 0);
}

/**
 * Bytes of the whole PUBLISH packet, fixed header included.
 * @param topicLength bytes of the topic
 * @param propertiesLength bytes of the properties without their length; not counted for 3.1.1
 */
export function publishSize(
  version: ProtocolVersion,
  topicLength: number,
  qos: Qos,
  propertiesLength: number,
  payloadLength: number,
): number {
  const remaining = publishRemaining(version, topicLength, qos, propertiesLength, payloadLength);
  return 1 + varintSize(remaining) + remaining;
}

/**
 * Writes a PUBLISH at `at`, where `publishSize` bytes must be free, and returns the offset after it.
 * @param flags the low nibble of the first byte: dup << 3 | qos << 1 | retain
 * @param packetId not written at QoS 0
 * @param properties `properties[propertiesStart, propertiesEnd)` without their length; not written for 3.1.1
 * @throws {RangeError} when the packet is longer than a remaining length can say
 */
export function writePublish(
  out: Uint8Array,
  at: number,
  version: ProtocolVersion,
  flags: number,
  topic: Uint8Array,
  packetId: number,
  properties: Uint8Array,
  propertiesStart: number,
  propertiesEnd: number,
  payload: Uint8Array,
  payloadStart: number,
  payloadEnd: number,
): number {
  const next = writePublishHeader(
    out,
    at,
    version,
    flags,
    topic,
    packetId,
    properties,
    propertiesStart,
    propertiesEnd,
    payloadEnd - payloadStart,
  );
  return copyBytes(out, next, payload, payloadStart, payloadEnd);
}

/** As `writePublish`, of a packet whose payload of `payloadLength` bytes is sent from elsewhere. */
export function writePublishHeader(
  out: Uint8Array,
  at: number,
  version: ProtocolVersion,
  flags: number,
  topic: Uint8Array,
  packetId: number,
  properties: Uint8Array,
  propertiesStart: number,
  propertiesEnd: number,
  payloadLength: number,
): number {
  const qos = ((flags >> 1) & 3) as Qos;
  const topicLength = topic.length;
  const propertiesLength = propertiesEnd - propertiesStart;
  out[at] = 0x30 | flags;
  let next = writeVarint(out, at + 1, publishRemaining(version, topicLength, qos, propertiesLength, payloadLength));
  out[next] = topicLength >>> 8;
  out[next + 1] = topicLength;
  next = copyBytes(out, next + 2, topic, 0, topicLength);
  if (qos !== 0) {
    out[next] = packetId >>> 8;
    out[next + 1] = packetId;
    next += 2;
  }
  if (version === 5) {
    next = writeVarint(out, next, propertiesLength);
    next = copyBytes(out, next, properties, propertiesStart, propertiesEnd);
  }
  return next;
}

/** Writes a PUBACK, PUBREC, PUBREL or PUBCOMP with reason success: four bytes in either version. Returns the offset after it. */
export function writeAck(out: Uint8Array, at: number, type: number, packetId: number): number {
  out[at] = ackFirstByte(type);
  out[at + 1] = 2;
  out[at + 2] = packetId >>> 8;
  out[at + 3] = packetId;
  return at + 4;
}

/** As `writeAck`, with a reason and no properties: five bytes, MQTT 5.0 only. */
export function writeAckReason(out: Uint8Array, at: number, type: number, packetId: number, reason: number): number {
  const next = writeAck(out, at, type, packetId);
  out[at + 1] = 3;
  out[next] = reason;
  return next + 1;
}

function publishRemaining(
  version: ProtocolVersion,
  topicLength: number,
  qos: Qos,
  propertiesLength: number,
  payloadLength: number,
): number {
  const fixed = 2 + topicLength + (qos === 0 ? 0 : 2) + payloadLength;
  return version === 5 ? fixed + varintSize(propertiesLength) + propertiesLength : fixed;
}
