import net from 'node:net';
import {
  ClientDecoder,
  type ClientPacketHandler,
  type ConnackPacket,
  DEFAULT_TOPIC_LIMITS,
  encodeAck,
  encodeConnect,
  encodeSubscribe,
  encodeUnsubscribe,
  PacketType,
  type ProtocolVersion,
  type PublishView,
  type Qos,
  type SubscriptionAckPacket,
  TopicTable,
} from '@plexus/protocol';
import {
  type ConnectOptions,
  connectPacket,
  type PublishOptions,
  publishPacket,
  request,
} from '../../src/testing/packets.ts';

/** One for all: thousands of clients get the same few topics. */
const TOPICS = new TopicTable(4096, DEFAULT_TOPIC_LIMITS);

export interface RawClientOptions extends ConnectOptions {
  version?: ProtocolVersion;
  /** Default: loopback. */
  host?: string;
}

/** An MQTT client on a socket, small enough that there can be ten thousand of them in a process. It acknowledges what it gets. */
export class RawClient implements ClientPacketHandler {
  readonly id: string;
  readonly version: ProtocolVersion;
  readonly socket: net.Socket;
  messages = 0;
  /** PUBACKs and PUBCOMPs that came. */
  acknowledged = 0;
  closed = false;
  /** Reason of a DISCONNECT from the server; null while none came. */
  disconnectReason: number | null = null;
  onMessage: ((view: PublishView) => void) | null = null;
  /** A publish at QoS 1 or 2 is answered. */
  onAnswered: ((packetId: number, reason: number) => void) | null = null;
  readonly #decoder: ClientDecoder;
  #packetId = 0;
  #connack: ((packet: ConnackPacket | null) => void) | null = null;
  readonly #subacks = new Map<number, (reasons: number[]) => void>();

  private constructor(port: number, host: string, id: string, version: ProtocolVersion) {
    this.id = id;
    this.version = version;
    this.#decoder = new ClientDecoder(
      this,
      { maxPacketBytes: 1 << 28, topics: TOPICS, topicLimits: DEFAULT_TOPIC_LIMITS },
      version,
    );
    this.socket = net.connect({ port, host, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.#decoder.push(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
      this.#connack?.(null);
      for (const answered of this.#subacks.values()) answered([]);
    });
  }

  /** Connects; resolves with the CONNACK. @throws when the server refuses or closes */
  static async connect(port: number, id: string, options: RawClientOptions = {}): Promise<RawClient> {
    const { version = 5, host = '127.0.0.1', ...connect } = options;
    const client = new RawClient(port, host, id, version);
    const connack = new Promise<ConnackPacket | null>((resolve) => {
      client.#connack = resolve;
    });
    client.send(encodeConnect(connectPacket(version, id, connect)));
    const packet = await connack;
    if (packet === null || packet.reason !== 0) {
      client.socket.destroy();
      throw new Error(`${id} was refused: ${packet?.reason ?? 'closed'}`);
    }
    return client;
  }

  send(bytes: Uint8Array): void {
    if (!this.closed) this.socket.write(bytes);
  }

  /** @returns its packet id; 0 at QoS 0 */
  publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): number {
    const packetId = (options.qos ?? 0) === 0 ? 0 : this.nextPacketId();
    this.send(publishPacket(this.version, topic, payload, { packetId, ...options }));
    return packetId;
  }

  /** @returns the reasons of the SUBACK, once it is there; none when the connection closes before */
  subscribe(filters: string | readonly string[], qos: Qos = 0): Promise<number[]> {
    if (this.closed) return Promise.resolve([]);
    const packetId = this.nextPacketId();
    const requests = [filters].flat().map((filter) => request(filter, qos));
    const suback = new Promise<number[]>((resolve) => this.#subacks.set(packetId, resolve));
    this.send(encodeSubscribe(this.version, { packetId, requests, properties: {} }));
    return suback;
  }

  unsubscribe(filters: string | readonly string[]): void {
    const packet = { packetId: this.nextPacketId(), filters: [filters].flat(), properties: {} };
    this.send(encodeUnsubscribe(this.version, packet));
  }

  /** The connection breaks. */
  vanish(): void {
    this.socket.destroy();
  }

  nextPacketId(): number {
    this.#packetId = this.#packetId === 0xffff ? 1 : this.#packetId + 1;
    return this.#packetId;
  }

  // ---- packets

  onConnack(packet: ConnackPacket): void {
    this.#connack?.(packet);
    this.#connack = null;
  }

  onPublish(view: PublishView): void {
    this.messages++;
    this.onMessage?.(view);
    if (view.qos > 0) this.#reply(view.qos === 1 ? PacketType.Puback : PacketType.Pubrec, view.packetId);
  }

  onPuback(packetId: number, reason: number): void {
    this.acknowledged++;
    this.onAnswered?.(packetId, reason);
  }

  onPubrec(packetId: number, reason: number): void {
    if (reason < 0x80) this.#reply(PacketType.Pubrel, packetId);
  }

  onPubrel(packetId: number): void {
    this.#reply(PacketType.Pubcomp, packetId);
  }

  onPubcomp(packetId: number, reason: number): void {
    this.acknowledged++;
    this.onAnswered?.(packetId, reason);
  }

  onSuback({ packetId, reasons }: SubscriptionAckPacket): void {
    this.#subacks.get(packetId)?.(reasons);
    this.#subacks.delete(packetId);
  }

  onUnsuback(): void {}
  onPingresp(): void {}
  onAuth(): void {}

  onDisconnect({ reason }: { reason: number }): void {
    this.disconnectReason = reason;
  }

  #reply(type: number, packetId: number): void {
    this.send(encodeAck(this.version, type, packetId, 0));
  }
}
