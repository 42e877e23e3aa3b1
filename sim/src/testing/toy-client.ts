import {
  type ConnectPacket,
  DEFAULT_TOPIC_LIMITS,
  encodeAck,
  encodeConnack,
  encodeDisconnect,
  encodeSuback,
  encodeUnsuback,
  PacketType,
  type PublishView,
  publishSize,
  ServerDecoder,
  type ServerPacketHandler,
  type SubscribePacket,
  TopicTable,
  type UnsubscribePacket,
  writePublish,
} from '@plexus/protocol';
import type { Transport, TransportHandler } from '../ports.ts';

const VERSION = 5;
const NONE = new Uint8Array(0);

export interface ToyMessage {
  realm: string;
  topic: string;
  payload: string;
  qos: 0 | 1 | 2;
  retain: boolean;
}

export interface ToyBroker {
  connected(client: ToyClient): void;
  subscribed(client: ToyClient, filter: string): void;
  unsubscribed(client: ToyClient, filter: string): void;
  /** @param answered to be called when a QoS 1 publisher may be answered */
  published(client: ToyClient, message: ToyMessage, answered: () => void): void;
  gone(client: ToyClient): void;
}

/** A connection as a toy broker sees it. */
export class ToyClient implements TransportHandler, ServerPacketHandler {
  id = '';
  realm = '';
  readonly filters = new Map<string, number>();
  readonly #transport: Transport;
  readonly #broker: ToyBroker;
  readonly #decoder: ServerDecoder;
  #queue: Uint8Array[] = [];
  #writing = false;
  #packetId = 0;
  open = true;

  constructor(transport: Transport, broker: ToyBroker) {
    this.#transport = transport;
    this.#broker = broker;
    const topics = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
    this.#decoder = new ServerDecoder(this, { maxPacketBytes: 1 << 20, topics, topicLimits: DEFAULT_TOPIC_LIMITS });
  }

  deliver({ topic, payload, qos }: ToyMessage, granted: number, retain: boolean): void {
    const [name, body] = [Buffer.from(topic), Buffer.from(payload)];
    const effective = Math.min(qos, granted) as 0 | 1;
    if (effective > 0) this.#packetId = (this.#packetId % 0xffff) + 1;
    const packetId = effective === 0 ? 0 : this.#packetId;
    const out = new Uint8Array(publishSize(VERSION, name.length, effective, 0, body.length));
    const flags = (effective << 1) | (retain ? 1 : 0);
    writePublish(out, 0, VERSION, flags, name, packetId, NONE, 0, 0, body, 0, body.length);
    this.#send(out);
  }

  takenOver(): void {
    this.#send(encodeDisconnect(VERSION, 0x8e));
    this.#transport.end(1000);
    this.onClosed();
  }

  onData(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }
  onWritten(): void {
    this.#writing = false;
    this.#flush();
  }
  onClosed(): void {
    if (!this.open) return;
    this.open = false;
    this.#broker.gone(this);
  }

  onConnect(packet: ConnectPacket): void {
    this.id = packet.clientId;
    this.realm = packet.username ?? 'default';
    this.#broker.connected(this);
    this.#send(encodeConnack(VERSION, { sessionPresent: false, reason: 0, properties: {} }));
  }
  onSubscribe({ packetId, requests }: SubscribePacket): void {
    for (const { filter, qos } of requests) this.filters.set(filter, qos);
    this.#send(encodeSuback(VERSION, { packetId, reasons: requests.map(({ qos }) => qos), properties: {} }));
    for (const { filter } of requests) this.#broker.subscribed(this, filter);
  }
  onUnsubscribe({ packetId, filters }: UnsubscribePacket): void {
    for (const filter of filters) this.filters.delete(filter);
    this.#send(encodeUnsuback(VERSION, { packetId, reasons: filters.map(() => 0), properties: {} }));
    for (const filter of filters) this.#broker.unsubscribed(this, filter);
  }
  onPublish(view: PublishView): void {
    const payload = Buffer.from(view.buffer.subarray(view.payloadStart, view.end)).toString();
    const { qos, retain, packetId } = view;
    const message = { realm: this.realm, topic: view.topic!.name, payload, qos, retain };
    this.#broker.published(this, message, () => {
      if (qos > 0) this.#send(encodeAck(VERSION, PacketType.Puback, packetId, 0));
    });
  }
  onPuback(): void {}
  onPubrec(): void {}
  onPubrel(): void {}
  onPubcomp(): void {}
  onPingreq(): void {}
  onDisconnect(): void {}
  onAuth(): void {}

  #send(bytes: Uint8Array): void {
    if (!this.open) return;
    this.#queue.push(bytes);
    this.#flush();
  }

  #flush(): void {
    if (this.#writing || this.#queue.length === 0) return;
    this.#writing = true;
    const slices = this.#queue;
    this.#queue = [];
    this.#transport.write(slices, slices.length);
  }
}
