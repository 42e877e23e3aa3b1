import { readConnack } from './decode-connect.ts';
import { readSubscriptionAck } from './decode-subscribe.ts';
import { Decoder, type DecoderOptions } from './decoder.ts';
import { firstByteTable } from './first-byte.ts';
import type { PacketReader } from './packet-reader.ts';
import { type ClientPacketHandler, PacketType, type ProtocolVersion } from './packets.ts';

const SESSION = [
  PacketType.Publish,
  PacketType.Puback,
  PacketType.Pubrec,
  PacketType.Pubrel,
  PacketType.Pubcomp,
  PacketType.Suback,
  PacketType.Unsuback,
  PacketType.Pingresp,
];

/** First a CONNACK [MQTT-3.2.0-1], on 5.0 after any AUTH, and no second one [MQTT-3.2.0-2]. */
const BEFORE_CONNACK_V4 = firstByteTable([PacketType.Connack], [0, PacketType.Auth]);
const BEFORE_CONNACK_V5 = firstByteTable([PacketType.Connack, PacketType.Auth], [0]);
/** In 3.1.1 a server has no DISCONNECT. */
const AFTER_CONNACK_V4 = firstByteTable(SESSION, [0, PacketType.Auth]);
const AFTER_CONNACK_V5 = firstByteTable([...SESSION, PacketType.Disconnect, PacketType.Auth], [0]);

/** Decodes what a server sends to a client that connected with `version`. See Decoder. */
export class ClientDecoder extends Decoder {
  private readonly handler: ClientPacketHandler;

  constructor(handler: ClientPacketHandler, options: DecoderOptions, version: ProtocolVersion) {
    super(handler, options, version, version === 5 ? BEFORE_CONNACK_V5 : BEFORE_CONNACK_V4, true);
    this.handler = handler;
  }

  protected override decodeSided(type: number, reader: PacketReader): void {
    switch (type) {
      case PacketType.Connack:
        this.connack(reader);
        break;
      case PacketType.Suback:
        this.handler.onSuback(readSubscriptionAck(reader, type, this.version));
        break;
      case PacketType.Unsuback:
        this.handler.onUnsuback(readSubscriptionAck(reader, type, this.version));
        break;
      default:
        reader.finish();
        this.handler.onPingresp();
    }
  }

  private connack(reader: PacketReader): void {
    const packet = readConnack(reader, this.version);
    this.expected = this.version === 5 ? AFTER_CONNACK_V5 : AFTER_CONNACK_V4;
    this.handler.onConnack(packet);
  }
}
