import {
  ClientDecoder,
  DEFAULT_TOPIC_LIMITS,
  encodeAck,
  encodeConnect,
  encodeDisconnect,
  encodePingreq,
  encodeSubscribe,
  encodeUnsubscribe,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type Qos,
  type SubscribeRequest,
  TopicTable,
} from '@plexus/protocol';
import { MemoryTransport } from './memory-transport.ts';
import { PacketLog, type Received, type ReceivedMessage } from './packet-log.ts';
import { type ConnectOptions, connectPacket, type PublishOptions, publishPacket, request } from './packets.ts';

/** What a client needs of the broker under test. */
export interface Host {
  accept(client: TestClient): void;
  /** Lets everything happen that can happen without time passing. */
  settle(): void;
}

export interface TestClientOptions {
  version?: ProtocolVersion;
  address?: string;
  /** Acknowledges what it receives, as a good client does. Default true. */
  autoAck?: boolean;
}

/** One connection of an MQTT client, byte for byte. Every method that sends also lets the broker settle. */
export class TestClient {
  readonly id: string;
  readonly version: ProtocolVersion;
  readonly transport: MemoryTransport;
  readonly log: PacketLog;
  autoAck: boolean;
  bytesReceived = 0;
  readonly #host: Host;
  readonly #decoder: ClientDecoder;
  #packetId = 0;
  #seen = 0;

  constructor(host: Host, id: string, options: TestClientOptions = {}) {
    this.id = id;
    this.#host = host;
    this.version = options.version ?? 5;
    this.autoAck = options.autoAck ?? true;
    this.log = new PacketLog((packet) => this.#acknowledge(packet));
    const topics = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
    this.#decoder = new ClientDecoder(
      this.log,
      { maxPacketBytes: 1 << 28, topics, topicLimits: DEFAULT_TOPIC_LIMITS },
      this.version,
    );
    this.transport = new MemoryTransport(options.address ?? '192.0.2.1', (bytes) => {
      this.bytesReceived += bytes.length;
      this.#decoder.push(bytes);
    });
  }

  // ---- what it sends

  /** Sends bytes as they are. */
  send(...packets: Uint8Array[]): void {
    this.transport.send(Buffer.concat(packets));
    this.#host.settle();
  }

  /** Opens the transport and sends the CONNECT. @returns this */
  connect(options: ConnectOptions = {}): this {
    this.#host.accept(this);
    this.send(encodeConnect(connectPacket(this.version, this.id, options)));
    return this;
  }

  /** @returns the reasons of the SUBACK */
  subscribe(filter: string, qos: Qos = 0, options: Partial<SubscribeRequest> = {}): number[] {
    return this.subscribeAll([request(filter, qos, options)]);
  }

  subscribeAll(requests: SubscribeRequest[], properties: Properties = {}): number[] {
    const packetId = this.nextPacketId();
    this.send(encodeSubscribe(this.version, { packetId, requests, properties }));
    return this.#answer('suback', packetId);
  }

  /** @returns the reasons of the UNSUBACK; none in 3.1.1 */
  unsubscribe(...filters: string[]): number[] {
    const packetId = this.nextPacketId();
    this.send(encodeUnsubscribe(this.version, { packetId, filters, properties: {} }));
    return this.#answer('unsuback', packetId);
  }

  /** @returns the packet id */
  publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): number {
    const packetId = options.packetId ?? ((options.qos ?? 0) === 0 ? 0 : this.nextPacketId());
    this.send(publishPacket(this.version, topic, payload, { ...options, packetId }));
    return packetId;
  }

  ack(type: number, packetId: number, reason = 0): void {
    this.send(encodeAck(this.version, type, packetId, reason));
  }

  ping(): void {
    this.send(encodePingreq());
  }

  disconnect(reason = 0, properties: Properties = {}): void {
    this.send(encodeDisconnect(this.version, reason, properties));
  }

  /** The connection breaks. */
  hangUp(): void {
    this.transport.hangUp();
    this.#host.settle();
  }

  nextPacketId(): number {
    this.#packetId = this.#packetId === 0xffff ? 1 : this.#packetId + 1;
    return this.#packetId;
  }

  // ---- what came

  get packets(): readonly Received[] {
    return this.log.packets;
  }

  get closed(): boolean {
    return this.transport.closed;
  }

  /** All of one kind. */
  all<K extends Received['on']>(on: K): Extract<Received, { on: K }>[] {
    return this.packets.filter((packet) => packet.on === on) as Extract<Received, { on: K }>[];
  }

  get messages(): ReceivedMessage[] {
    return this.all('publish');
  }

  /** Payloads of the messages that came since the last call. */
  take(): string[] {
    const fresh = this.packets.slice(this.#seen);
    this.#seen = this.packets.length;
    return fresh.flatMap((packet) => (packet.on === 'publish' ? [packet.payload] : []));
  }

  /** The reason of the CONNACK; null if none came. For 3.1.1 the return code. */
  get connackReason(): number | null {
    return this.all('connack')[0]?.packet.reason ?? null;
  }

  get sessionPresent(): boolean {
    return this.all('connack')[0]?.packet.sessionPresent ?? false;
  }

  /** The reason of the broker's DISCONNECT; null if none came. */
  get disconnectReason(): number | null {
    return this.all('disconnect')[0]?.packet.reason ?? null;
  }

  /** The reason of the PUBACK or PUBREC for a packet id; null if none came. */
  reasonFor(packetId: number): number | null {
    const acks = [...this.all('puback'), ...this.all('pubrec')];
    return acks.findLast((packet) => packet.packetId === packetId)?.reason ?? null;
  }

  #answer(on: 'suback' | 'unsuback', packetId: number): number[] {
    return this.all(on).findLast(({ packet }) => packet.packetId === packetId)?.packet.reasons ?? [];
  }

  #acknowledge(packet: Received): void {
    if (!this.autoAck) return;
    const reply = (type: number, packetId: number): void =>
      this.transport.send(encodeAck(this.version, type, packetId, 0));
    if (packet.on === 'publish' && packet.qos === 1) reply(PacketType.Puback, packet.packetId);
    else if (packet.on === 'publish' && packet.qos === 2) reply(PacketType.Pubrec, packet.packetId);
    else if (packet.on === 'pubrec' && packet.reason < 0x80) reply(PacketType.Pubrel, packet.packetId);
    else if (packet.on === 'pubrel') reply(PacketType.Pubcomp, packet.packetId);
  }
}
