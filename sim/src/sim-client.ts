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
  type PublishView,
  publishSize,
  type Qos,
  type ReasonPacket,
  type SubscriptionAckPacket,
  TopicTable,
  writePublish,
} from '@plexus/protocol';
import { type ClientSide, ClientTransport } from './client-transport.ts';
import type { Transport, TransportHandler } from './ports.ts';
import type { Random } from './random.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { VirtualTime } from './virtual-time.ts';

const VERSION = 5;
const NO_PROPERTIES = new Uint8Array(0);
const KEEP_ALIVE_S = 0;

/** What happens on one connection of a client; `connection` is the number it was opened with. */
export interface ClientEvents {
  onConnected(client: SimClient): void;
  onSubscribed(client: SimClient, filter: string, reason: number): void;
  onUnsubscribed(client: SimClient, filter: string): void;
  /** @param payload as text: simulated messages are */
  onMessage(client: SimClient, topic: string, payload: string, qos: Qos, retain: boolean, dup: boolean): void;
  onAnswered(client: SimClient, packetId: number, reason: number): void;
  /** @param reason of the broker's DISCONNECT or refusing CONNACK; null: none came */
  onGone(client: SimClient, reason: number | null): void;
}

export interface SimClientPlace {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly process: VirtualProcess;
  readonly accept: (transport: Transport) => TransportHandler | null;
}

/** One connection of an MQTT 5 client with a clean session. Acknowledges what it gets at once. */
export class SimClient implements ClientPacketHandler, ClientSide {
  readonly id: string;
  readonly realm: string;
  /** Of the connection, over all clients. */
  readonly number: number;
  readonly transport: ClientTransport;
  state: 'connecting' | 'connected' | 'gone' = 'connecting';
  readonly #events: ClientEvents;
  readonly #decoder: ClientDecoder;
  readonly #filters = new Map<number, string>();
  readonly #aliases = new Map<number, string>();
  #packetId = 0;
  #reason: number | null = null;

  constructor(id: string, realm: string, number: number, place: SimClientPlace, events: ClientEvents) {
    this.id = id;
    this.realm = realm;
    this.number = number;
    this.#events = events;
    const topics = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
    const limits = { maxPacketBytes: 1 << 20, topics, topicLimits: DEFAULT_TOPIC_LIMITS };
    this.#decoder = new ClientDecoder(this, limits, VERSION);
    this.transport = new ClientTransport('192.0.2.1', place.time, place.random, place.process, this);
    this.transport.open(place.accept);
    this.#connect();
  }

  #connect(): void {
    const connect = {
      version: VERSION,
      clientId: this.id,
      cleanStart: true,
      keepAliveS: KEEP_ALIVE_S,
      username: this.realm,
      password: null,
      properties: {},
      will: null,
    } as const;
    this.transport.send(encodeConnect({ ...connect }));
  }

  subscribe(filter: string, qos: Qos): void {
    const packetId = this.#nextPacketId();
    this.#filters.set(packetId, filter);
    const request = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
    this.transport.send(encodeSubscribe(VERSION, { packetId, requests: [request], properties: {} }));
  }

  unsubscribe(filter: string): void {
    const packetId = this.#nextPacketId();
    this.#filters.set(packetId, filter);
    this.transport.send(encodeUnsubscribe(VERSION, { packetId, filters: [filter], properties: {} }));
  }

  /** @returns the packet id; 0 at QoS 0 */
  publish(topic: string, payload: string, qos: Qos, retain: boolean): number {
    const packetId = qos === 0 ? 0 : this.#nextPacketId();
    const [name, body] = [Buffer.from(topic), Buffer.from(payload)];
    const out = new Uint8Array(publishSize(VERSION, name.length, qos, 0, body.length));
    const flags = (qos << 1) | (retain ? 1 : 0);
    writePublish(out, 0, VERSION, flags, name, packetId, NO_PROPERTIES, 0, 0, body, 0, body.length);
    this.transport.send(out);
    return packetId;
  }

  /** Goes without a word. */
  hangUp(): void {
    this.transport.hangUp();
    this.onClosed();
  }

  // ---- what comes

  onData(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
  }

  onClosed(): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    this.#events.onGone(this, this.#reason);
  }

  onConnack(packet: ConnackPacket): void {
    if (packet.reason !== 0) {
      this.#reason = packet.reason;
      return;
    }
    this.state = 'connected';
    this.#events.onConnected(this);
  }

  onSuback(packet: SubscriptionAckPacket): void {
    this.#events.onSubscribed(this, this.#takeFilter(packet.packetId), packet.reasons[0]!);
  }

  onUnsuback(packet: SubscriptionAckPacket): void {
    this.#events.onUnsubscribed(this, this.#takeFilter(packet.packetId));
  }

  onPublish(view: PublishView): void {
    const { topic, topicAlias } = view;
    if (topicAlias !== 0 && topic !== null) this.#aliases.set(topicAlias, topic.name);
    const name = topic?.name ?? this.#aliases.get(topicAlias);
    if (name === undefined) throw new Error(`topic alias ${topicAlias} was never set`);
    const payload = Buffer.from(view.buffer.subarray(view.payloadStart, view.end)).toString();
    this.#events.onMessage(this, name, payload, view.qos, view.retain, view.dup);
    if (view.qos === 1) this.transport.send(encodeAck(VERSION, PacketType.Puback, view.packetId, 0));
  }

  onPuback(packetId: number, reason: number): void {
    this.#events.onAnswered(this, packetId, reason);
  }

  onDisconnect(packet: ReasonPacket): void {
    this.#reason = packet.reason;
  }

  onPubrec(): void {
    throw new Error('nothing goes out at QoS 2');
  }
  onPubrel(): void {
    throw new Error('nothing comes at QoS 2');
  }
  onPubcomp(): void {
    throw new Error('nothing goes out at QoS 2');
  }
  onPingresp(): void {}
  onAuth(): void {}

  #takeFilter(packetId: number): string {
    const filter = this.#filters.get(packetId)!;
    this.#filters.delete(packetId);
    return filter;
  }

  #nextPacketId(): number {
    this.#packetId = this.#packetId === 0xffff ? 1 : this.#packetId + 1;
    return this.#packetId;
  }
}
