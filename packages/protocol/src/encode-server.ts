import { PacketWriter } from './packet-writer.ts';
import { type ConnackPacket, PacketType, type ProtocolVersion, type SubscriptionAckPacket } from './packets.ts';
import { writeProperties } from './properties.ts';
import { connackCodeV4 } from './reason-codes.ts';

// Packets that a server sends, other than PUBLISH and its acknowledgements. Fresh bytes each.

/**
 * A CONNACK. `reason` is an MQTT 5 reason; for 3.1.1 it is translated, and the properties are left out.
 * @throws {RangeError} when 3.1.1 has no return code for it, so that only a close is left
 */
export function encodeConnack(version: ProtocolVersion, packet: ConnackPacket): Uint8Array {
  const writer = new PacketWriter();
  writer.byte(packet.sessionPresent ? 1 : 0);
  if (version === 5) {
    writer.byte(packet.reason);
    writeProperties(writer, packet.properties, PacketType.Connack);
  } else {
    const code = connackCodeV4(packet.reason);
    if (code === null) throw new RangeError(`no 3.1.1 return code for reason 0x${packet.reason.toString(16)}`);
    writer.byte(code);
  }
  return writer.finishPacket(PacketType.Connack << 4);
}

/** A SUBACK. 3.1.1 knows one failure: every reason of 0x80 and more becomes that. */
export function encodeSuback(version: ProtocolVersion, packet: SubscriptionAckPacket): Uint8Array {
  const writer = new PacketWriter();
  writer.uint16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Suback);
  for (const reason of packet.reasons) writer.byte(version === 4 && reason >= 0x80 ? 0x80 : reason);
  return writer.finishPacket(PacketType.Suback << 4);
}

/** An UNSUBACK. In 3.1.1 it has no reasons. */
export function encodeUnsuback(version: ProtocolVersion, packet: SubscriptionAckPacket): Uint8Array {
  const writer = new PacketWriter();
  writer.uint16(packet.packetId);
  if (version === 5) {
    writeProperties(writer, packet.properties, PacketType.Unsuback);
    for (const reason of packet.reasons) writer.byte(reason);
  }
  return writer.finishPacket(PacketType.Unsuback << 4);
}

export function encodePingresp(): Uint8Array {
  return new Uint8Array([PacketType.Pingresp << 4, 0]);
}
