import { PacketWriter } from './packet-writer.ts';
import {
  type ConnectPacket,
  PacketType,
  type ProtocolVersion,
  type SubscribePacket,
  type SubscribeRequest,
  type UnsubscribePacket,
  type Will,
} from './packets.ts';
import { writeProperties } from './properties.ts';

// Packets that a client sends, other than PUBLISH and its acknowledgements. Fresh bytes each.

const WILL_DELAY = 0x18;

/** A CONNECT in the packet's own version. */
export function encodeConnect(packet: ConnectPacket): Uint8Array {
  const { version, will, username, password } = packet;
  const writer = new PacketWriter();
  writer.utf8('MQTT');
  writer.byte(version);
  writer.byte(
    (packet.cleanStart ? 0x02 : 0) |
      (will === null ? 0 : 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0)) |
      (password === null ? 0 : 0x40) |
      (username === null ? 0 : 0x80),
  );
  writer.uint16(packet.keepAliveS);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Connect);
  writer.utf8(packet.clientId);
  if (will !== null) writeWill(writer, version, will);
  if (username !== null) writer.utf8(username);
  if (password !== null) writer.binary(password);
  return writer.finishPacket(PacketType.Connect << 4);
}

/** A SUBSCRIBE. The options of 5.0 are left out for 3.1.1. */
export function encodeSubscribe(version: ProtocolVersion, packet: SubscribePacket): Uint8Array {
  const writer = new PacketWriter();
  writer.uint16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Subscribe);
  for (const request of packet.requests) {
    writer.utf8(request.filter);
    writer.byte(version === 5 ? subscribeOptions(request) : request.qos);
  }
  return writer.finishPacket((PacketType.Subscribe << 4) | 2);
}

export function encodeUnsubscribe(version: ProtocolVersion, packet: UnsubscribePacket): Uint8Array {
  const writer = new PacketWriter();
  writer.uint16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Unsubscribe);
  for (const filter of packet.filters) writer.utf8(filter);
  return writer.finishPacket((PacketType.Unsubscribe << 4) | 2);
}

export function encodePingreq(): Uint8Array {
  return new Uint8Array([PacketType.Pingreq << 4, 0]);
}

function writeWill(writer: PacketWriter, version: ProtocolVersion, will: Will): void {
  if (version === 5) {
    const delayBytes = will.delayS === 0 ? 0 : 5;
    writer.varint(delayBytes + will.publishProperties.length);
    if (delayBytes > 0) {
      writer.byte(WILL_DELAY);
      writer.uint32(will.delayS);
    }
    writer.raw(will.publishProperties);
  }
  writer.utf8(will.topic);
  writer.binary(will.payload);
}

function subscribeOptions(request: SubscribeRequest): number {
  return request.qos | (request.noLocal ? 4 : 0) | (request.retainAsPublished ? 8 : 0) | (request.retainHandling << 4);
}
