import { encodeConnect, encodePingreq, encodeSubscribe, encodeUnsubscribe } from '../encode-client.ts';
import { encodeAck, encodeAuth, encodeDisconnect } from '../encode-common.ts';
import { encodeConnack, encodePingresp, encodeSuback, encodeUnsuback } from '../encode-server.ts';
import { publishSize, writePublish } from '../encoder.ts';
import { PacketType, type ProtocolVersion } from '../packets.ts';
import { encodePublishProperties } from '../properties.ts';
import { encodeUtf8 } from '../utf8.ts';
import type { AckName, Call, PublishRecord } from './recorder.ts';

const ACK_TYPES: Record<AckName, number> = {
  puback: PacketType.Puback,
  pubrec: PacketType.Pubrec,
  pubrel: PacketType.Pubrel,
  pubcomp: PacketType.Pubcomp,
};

/** The packet as our encoder writes it. */
export function encodeCall(version: ProtocolVersion, call: Call): Uint8Array {
  switch (call.on) {
    case 'connect':
      return encodeConnect(call.packet);
    case 'connack':
      return encodeConnack(version, call.packet);
    case 'publish':
      return encodePublish(version, call.packet);
    case 'subscribe':
      return encodeSubscribe(version, call.packet);
    case 'unsubscribe':
      return encodeUnsubscribe(version, call.packet);
    case 'suback':
      return encodeSuback(version, call.packet);
    case 'unsuback':
      return encodeUnsuback(version, call.packet);
    case 'pingreq':
      return encodePingreq();
    case 'pingresp':
      return encodePingresp();
    case 'disconnect':
      return encodeDisconnect(version, call.packet.reason, call.packet.properties);
    case 'auth':
      return encodeAuth(call.packet.reason, call.packet.properties);
    default:
      return encodeAck(version, ACK_TYPES[call.on], call.packet.packetId, call.packet.reason, call.packet.properties);
  }
}

export function encodePublish(version: ProtocolVersion, packet: PublishRecord): Uint8Array {
  const topic = encodeUtf8(packet.topic ?? '');
  const properties = encodePublishProperties(packet.properties);
  const { payload } = packet;
  const out = new Uint8Array(publishSize(version, topic.length, packet.qos, properties.length, payload.length));
  const flags = (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
  const args = [properties, 0, properties.length, payload, 0, payload.length] as const;
  const end = writePublish(out, 0, version, flags, topic, packet.packetId, ...args);
  if (end !== out.length) throw new Error(`publishSize said ${out.length}, writePublish wrote ${end}`);
  return out;
}
