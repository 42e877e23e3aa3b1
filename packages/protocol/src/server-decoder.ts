import { readConnect, readProtocol } from './decode-connect.ts';
import { readSubscribe, readUnsubscribe } from './decode-subscribe.ts';
import { Decoder, type DecoderOptions } from './decoder.ts';
import { firstByteTable } from './first-byte.ts';
import type { PacketReader } from './packet-reader.ts';
import { PacketType, type ServerPacketHandler } from './packets.ts';

const SESSION = [
  PacketType.Publish,
  PacketType.Puback,
  PacketType.Pubrec,
  PacketType.Pubrel,
  PacketType.Pubcomp,
  PacketType.Subscribe,
  PacketType.Unsubscribe,
  PacketType.Pingreq,
  PacketType.Disconnect,
];

/** First a CONNECT [MQTT-3.1.0-1], and no second one [MQTT-3.1.0-2]. */
const BEFORE_CONNECT = firstByteTable([PacketType.Connect], [0]);
const AFTER_CONNECT_V4 = firstByteTable(SESSION, [0, PacketType.Auth]);
const AFTER_CONNECT_V5 = firstByteTable([...SESSION, PacketType.Auth], [0]);

/** Decodes what a client sends. See Decoder. */
export class ServerDecoder extends Decoder {
  /** Whether a CONNECT came, be it a bad one: only then is there somebody to send a CONNACK to. */
  connectSeen = false;
  private readonly handler: ServerPacketHandler;

  constructor(handler: ServerPacketHandler, options: DecoderOptions) {
    super(handler, options, 4, BEFORE_CONNECT, false);
    this.handler = handler;
  }

  protected override decodeSided(type: number, reader: PacketReader): void {
    switch (type) {
      case PacketType.Connect:
        this.connect(reader);
        break;
      case PacketType.Subscribe:
        this.handler.onSubscribe(readSubscribe(reader, this.version));
        break;
      case PacketType.Unsubscribe:
        this.handler.onUnsubscribe(readUnsubscribe(reader, this.version));
        break;
      default:
        reader.finish();
        this.handler.onPingreq();
    }
  }

  private connect(reader: PacketReader): void {
    this.connectSeen = true;
    const version = readProtocol(reader, (told) => {
      this.version = told;
    });
    const packet = readConnect(reader, version, this.topicLimits);
    this.expected = version === 5 ? AFTER_CONNECT_V5 : AFTER_CONNECT_V4;
    this.handler.onConnect(packet);
  }
}
