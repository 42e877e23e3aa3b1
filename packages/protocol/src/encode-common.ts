import { ackFirstByte } from './encoder.ts';
import { PacketWriter } from './packet-writer.ts';
import { PacketType, type Properties, type ProtocolVersion } from './packets.ts';
import { hasProperties, writeProperties } from './properties.ts';

// Packets that both sides send, with a reason. Fresh bytes each.

/** A PUBACK, PUBREC, PUBREL or PUBCOMP, as short as it can be. 3.1.1 has no place for reason and properties. */
export function encodeAck(
  version: ProtocolVersion,
  type: number,
  packetId: number,
  reason: number,
  properties?: Properties,
): Uint8Array {
  const writer = new PacketWriter();
  writer.uint16(packetId);
  if (version === 5) writeReason(writer, type, reason, properties);
  return writer.finishPacket(ackFirstByte(type));
}

/** A DISCONNECT, as short as it can be. 3.1.1 has no place for reason and properties. */
export function encodeDisconnect(version: ProtocolVersion, reason: number, properties?: Properties): Uint8Array {
  const writer = new PacketWriter();
  if (version === 5) writeReason(writer, PacketType.Disconnect, reason, properties);
  return writer.finishPacket(PacketType.Disconnect << 4);
}

/** An AUTH; MQTT 5.0 only. */
export function encodeAuth(reason: number, properties: Properties): Uint8Array {
  const writer = new PacketWriter();
  if (reason !== 0 || hasProperties(properties)) {
    writer.byte(reason);
    writeProperties(writer, properties, PacketType.Auth);
  }
  return writer.finishPacket(PacketType.Auth << 4);
}

function writeReason(writer: PacketWriter, type: number, reason: number, properties: Properties | undefined): void {
  if (hasProperties(properties)) {
    writer.byte(reason);
    writeProperties(writer, properties, type);
  } else if (reason !== 0) writer.byte(reason);
}
