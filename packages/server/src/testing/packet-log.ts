import {
  type ClientPacketHandler,
  type ConnackPacket,
  decodePublishProperties,
  type Properties,
  type PublishView,
  type Qos,
  type ReasonPacket,
  type SubscriptionAckPacket,
} from '@plexus/protocol';

/** A PUBLISH as a client saw it. */
export interface ReceivedMessage {
  on: 'publish';
  topic: string;
  payload: string;
  bytes: Uint8Array;
  qos: Qos;
  retain: boolean;
  dup: boolean;
  packetId: number;
  properties: Properties;
}

interface Kinds {
  publish: Omit<ReceivedMessage, 'on'>;
  puback: AckFields;
  pubrec: AckFields;
  pubrel: AckFields;
  pubcomp: AckFields;
  connack: { packet: ConnackPacket };
  suback: { packet: SubscriptionAckPacket };
  unsuback: { packet: SubscriptionAckPacket };
  pingresp: object;
  disconnect: { packet: ReasonPacket };
  auth: { packet: ReasonPacket };
}

interface AckFields {
  packetId: number;
  reason: number;
  /** Where the packet has some. */
  properties?: Properties;
}

/** Any packet of a broker, told apart by `on`. */
export type Received = { [K in keyof Kinds]: { on: K } & Kinds[K] }[keyof Kinds];

/** Keeps every packet that came, in order, with copies of what the decoder only lends. */
export class PacketLog implements ClientPacketHandler {
  readonly packets: Received[] = [];
  readonly #aliases = new Map<number, string>();
  readonly #after: (packet: Received) => void;

  constructor(after: (packet: Received) => void) {
    this.#after = after;
  }

  onPublish(view: PublishView): void {
    const bytes = Uint8Array.from(view.buffer.subarray(view.payloadStart, view.end));
    this.#keep({
      on: 'publish',
      topic: this.#topicOf(view),
      payload: Buffer.from(bytes).toString(),
      bytes,
      qos: view.qos,
      retain: view.retain,
      dup: view.dup,
      packetId: view.packetId,
      properties: decodePublishProperties(view.buffer, view.propertiesStart, view.propertiesEnd),
    });
  }
  onConnack(packet: ConnackPacket): void {
    this.#keep({ on: 'connack', packet });
  }
  onPuback(packetId: number, reason: number, properties: Properties | null): void {
    this.#keep({ on: 'puback', packetId, reason, ...(properties !== null && { properties }) });
  }
  onPubrec(packetId: number, reason: number, properties: Properties | null): void {
    this.#keep({ on: 'pubrec', packetId, reason, ...(properties !== null && { properties }) });
  }
  onPubrel(packetId: number, reason: number, properties: Properties | null): void {
    this.#keep({ on: 'pubrel', packetId, reason, ...(properties !== null && { properties }) });
  }
  onPubcomp(packetId: number, reason: number, properties: Properties | null): void {
    this.#keep({ on: 'pubcomp', packetId, reason, ...(properties !== null && { properties }) });
  }
  onSuback(packet: SubscriptionAckPacket): void {
    this.#keep({ on: 'suback', packet });
  }
  onUnsuback(packet: SubscriptionAckPacket): void {
    this.#keep({ on: 'unsuback', packet });
  }
  onPingresp(): void {
    this.#keep({ on: 'pingresp' });
  }
  onDisconnect(packet: ReasonPacket): void {
    this.#keep({ on: 'disconnect', packet });
  }
  onAuth(packet: ReasonPacket): void {
    this.#keep({ on: 'auth', packet });
  }

  /** Resolves topic aliases, as a client must. */
  #topicOf({ topic, topicAlias }: PublishView): string {
    if (topicAlias !== 0 && topic !== null) this.#aliases.set(topicAlias, topic.name);
    const name = topic?.name ?? this.#aliases.get(topicAlias);
    if (name === undefined) throw new Error(`topic alias ${topicAlias} was never set`);
    return name;
  }

  #keep(packet: Received): void {
    this.packets.push(packet);
    this.#after(packet);
  }
}
