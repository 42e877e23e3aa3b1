import {
  type CloseReason,
  PacketError,
  PacketType,
  type Properties,
  publishSize,
  Reason,
  writeAck,
  writePublish,
  writePublishHeader,
} from '@plexus/protocol';
import type { BrokerContext } from './context.ts';
import type { EncodedMessage } from './encoded-message.ts';
import { EventDelivery } from './event-delivery.ts';
import type { Message } from './message.ts';
import { type Outbound, SHARE_FROM_BYTES } from './outbound.ts';
import { PublishRun } from './publish-run.ts';
import type { Session, SessionConnection } from './session.ts';
import { type Delivery, DeliveryState } from './session-store.ts';
import { StoreConsumers } from './store-consumers.ts';
import { tailoredPacket } from './tailored-packet.ts';
import { TopicAliases } from './topic-aliases.ts';

/** Identifier and value of a topic alias. */
const ALIAS_PROPERTY_BYTES = 3;

/** What the client said in its CONNECT about packets to it. */
export interface ReceiverLimits {
  readonly version: 4 | 5;
  /** Lower of the client's receive maximum and ours. */
  readonly window: number;
  /** Infinity where the client named none. */
  readonly maxPacketBytes: number;
  /** 0: it wants none. */
  readonly topicAliasMaximum: number;
}

/** The subscribing half of a connection: PUBLISH packets out, acknowledgements in. */
export class Subscriber implements SessionConnection {
  /** Lower of the client's receive maximum and ours, for all that is sent at QoS 1 and 2 together. */
  readonly limit: number;
  messages = 0;
  readonly #context: BrokerContext;
  readonly #session: Session;
  readonly #outbound: Outbound;
  readonly #version: 4 | 5;
  readonly #maxPacketBytes: number;
  /** null: the client wants none. */
  readonly #aliases: TopicAliases | null;
  readonly #close: (reason: CloseReason, detail?: string) => void;
  /** null: it has never consumed from a store. */
  #consumers: StoreConsumers | null = null;

  constructor(
    context: BrokerContext,
    session: Session,
    outbound: Outbound,
    limits: ReceiverLimits,
    close: (reason: CloseReason, detail?: string) => void,
  ) {
    this.#context = context;
    this.#session = session;
    this.#outbound = outbound;
    this.#version = limits.version;
    this.limit = limits.window;
    this.#maxPacketBytes = limits.maxPacketBytes;
    this.#aliases = limits.topicAliasMaximum > 0 ? new TopicAliases(limits.topicAliasMaximum) : null;
    this.#close = close;
  }

  /** What the session may have under way: the rest is for events. */
  get window(): number {
    return this.#consumers === null ? this.limit : this.limit - this.#consumers.places;
  }

  get hasRoom(): boolean {
    return this.#outbound.bytes < this.#context.options.outboundBufferBytes;
  }

  accepts(message: Message, identifiers: Uint8Array | null): boolean {
    return (
      this.#maxPacketBytes === Number.POSITIVE_INFINITY || this.#sizeOf(message, 1, identifiers) <= this.#maxPacketBytes
    );
  }

  close(reason: CloseReason, detail?: string): void {
    this.#close(reason, detail);
  }

  /** Sends what waits, of the session and of stores, as far as there is room. */
  pump(): void {
    this.#session.pump();
    this.#consumers?.pump();
  }

  /** Made at the first subscription to a store. */
  get consumers(): StoreConsumers {
    this.#consumers ??= new StoreConsumers(this.#context, this.#session, this.#version, this);
    return this.#consumers;
  }

  /** Whether it consumes the store subscription of that filter. */
  consumes(filter: string): boolean {
    return this.#consumers?.has(filter) ?? false;
  }

  get storeSubscriptions(): number {
    return this.#consumers?.size ?? 0;
  }

  /** @returns whether it consumed that store subscription, by its filter */
  detachStore(filter: string): boolean {
    return this.#consumers?.detach(filter) ?? false;
  }

  /** The connection goes: what it had in hand goes to other consumers. */
  leaveStores(): void {
    this.#consumers?.close();
  }

  sendRun(run: PublishRun, identifiers: Uint8Array | null): void {
    if (this.#version === 5 && (identifiers !== null || this.#aliases !== null)) {
      for (const encoded of run.messages()) this.sendQos0(encoded, false, identifiers);
      return;
    }
    const form = run.form(this.#version);
    const fits = this.#outbound.bytes + form.end - form.start <= this.#context.options.outboundBufferBytes;
    if (form.largest > this.#maxPacketBytes || !fits) {
      // Packet by packet: some may get through.
      PublishRun.forEachPacket(form, (start, end) => {
        if (end - start > this.#maxPacketBytes) this.#context.counters.drop('too_large', 1);
        else this.#pushQos0(form.buffer, start, end, 1);
      });
    } else this.#pushQos0(form.buffer, form.start, form.end, run.count);
  }

  sendQos0(encoded: EncodedMessage, retain: boolean, identifiers: Uint8Array | null): void {
    const { message } = encoded;
    if (this.#sizeOf(message, 0, identifiers) > this.#maxPacketBytes) {
      this.#context.counters.drop('too_large', 1);
      return;
    }
    const tailored = this.#tailors(message, identifiers);
    // Before an alias is used: the client learns it from a packet that must then go out.
    if (tailored && !this.hasRoomForQos0(message, identifiers)) {
      this.#context.counters.drop('outbound_full', 1);
      return;
    }
    const bytes = tailored
      ? this.#tailor(message, retain ? 1 : 0, 0, identifiers)
      : encoded.bytes(this.#version, retain);
    this.#pushQos0(bytes, 0, bytes.length, 1);
  }

  hasRoomForQos0(message: Message, identifiers: Uint8Array | null): boolean {
    const bytes = this.#outbound.bytes + this.#sizeOf(message, 0, identifiers);
    return bytes <= this.#context.options.outboundBufferBytes;
  }

  sendDelivery(delivery: Delivery, dup: boolean): void {
    this.#consumers?.sessionSent();
    this.#sendDelivery(delivery, dup);
  }

  sendEvent(delivery: EventDelivery): void {
    this.#sendDelivery(delivery, false);
  }

  sendRelease(packetId: number): void {
    const at = this.#outbound.reserve(4);
    writeAck(this.#outbound.chunk, at, PacketType.Pubrel, packetId);
  }

  onPuback(packetId: number, reason: number, properties: Properties | null): void {
    const delivery = this.#session.state.find(packetId);
    if (delivery === null) return;
    this.#expect(delivery, DeliveryState.AwaitPuback, 'PUBACK');
    if (delivery instanceof EventDelivery) {
      this.#consumers!.answered(delivery, reason, properties?.reasonString ?? null);
    } else this.#complete(delivery);
  }

  /** @returns whether the packet id is known; a PUBREL goes out if so */
  onPubrec(packetId: number, reason: number): boolean {
    const delivery = this.#session.state.find(packetId);
    if (delivery === null) return false;
    if (delivery.state !== DeliveryState.AwaitPubcomp) {
      this.#expect(delivery, DeliveryState.AwaitPubrec, 'PUBREC');
      if (reason >= Reason.UnspecifiedError) {
        // [MQTT-4.3.3-4]: refused by the client, and so done with.
        this.#complete(delivery);
        return true;
      }
      this.#session.release(delivery);
    }
    this.sendRelease(packetId);
    return true;
  }

  onPubcomp(packetId: number): void {
    const delivery = this.#session.state.find(packetId);
    if (delivery === null) return;
    this.#expect(delivery, DeliveryState.AwaitPubcomp, 'PUBCOMP');
    this.#complete(delivery);
  }

  #sendDelivery(delivery: Delivery, dup: boolean): void {
    const message = delivery.message!;
    const { qos, retain, identifiers } = delivery.terms;
    const flags = (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
    const outbound = this.#outbound;
    if (this.#tailors(message, identifiers)) {
      const packet = this.#tailor(message, flags, delivery.packetId, identifiers);
      outbound.push(packet, 0, packet.length);
      this.#sent(qos, packet.length, 1);
      return;
    }
    const size = this.#sizeOf(message, qos, null);
    const headerBytes = size - message.payloadLength;
    if (size < SHARE_FROM_BYTES) {
      const at = outbound.reserve(size);
      this.#write(outbound.chunk, at, flags, delivery.packetId, message);
    } else if (headerBytes < SHARE_FROM_BYTES) {
      const at = outbound.reserve(headerBytes);
      this.#writeHeader(outbound.chunk, at, flags, delivery.packetId, message);
      outbound.push(message.buffer, message.payloadStart, message.payloadEnd);
    } else {
      const packet = Buffer.allocUnsafe(size);
      this.#write(packet, 0, flags, delivery.packetId, message);
      outbound.push(packet, 0, size);
    }
    this.#sent(qos, size, 1);
  }

  #complete(delivery: Delivery): void {
    this.#session.complete(delivery);
    this.#consumers?.pump();
  }

  #expect(delivery: Delivery, state: DeliveryState, packet: string): void {
    if (delivery.state === state) return;
    throw new PacketError(Reason.ProtocolError, `${packet} for a message that awaits another packet (§4.3)`);
  }

  /** Whether the message as this client gets it differs from what others get. */
  #tailors(message: Message, identifiers: Uint8Array | null): boolean {
    if (this.#version === 4) return false;
    return identifiers !== null || this.#aliases !== null || message.expiresAtMs !== Number.POSITIVE_INFINITY;
  }

  #tailor(message: Message, flags: number, packetId: number, identifiers: Uint8Array | null): Uint8Array {
    const alias = this.#aliases?.use(message.topic) ?? null;
    return tailoredPacket(message, { flags, packetId, identifiers, alias }, this.#context.clock.wallMs());
  }

  /** With room for a topic alias where the client has some. */
  #sizeOf(message: Message, qos: 0 | 1 | 2, identifiers: Uint8Array | null): number {
    const more = (identifiers?.length ?? 0) + (this.#aliases === null ? 0 : ALIAS_PROPERTY_BYTES);
    return publishSize(
      this.#version,
      message.topic.bytes.length,
      qos,
      message.propertiesLength + more,
      message.payloadLength,
    );
  }

  #pushQos0(buffer: Uint8Array, start: number, end: number, count: number): void {
    // The newest are dropped: what is on its way already stays in order, with a gap after it.
    if (this.#outbound.bytes + end - start > this.#context.options.outboundBufferBytes) {
      this.#context.counters.drop('outbound_full', count);
      return;
    }
    this.#outbound.push(buffer, start, end);
    this.#sent(0, end - start, count);
  }

  #sent(qos: 0 | 1 | 2, bytes: number, count: number): void {
    const { counters } = this.#context;
    this.messages += count;
    this.#session.realm.messagesOut += count;
    counters.messagesOut[qos] += count;
    counters.publishBytesOut[qos] += bytes;
  }

  #write(out: Uint8Array, at: number, flags: number, packetId: number, message: Message): void {
    const { buffer, payloadStart, payloadEnd, propertiesStart, propertiesEnd, topic } = message;
    writePublish(
      out,
      at,
      this.#version,
      flags,
      topic.bytes,
      packetId,
      buffer,
      propertiesStart,
      propertiesEnd,
      buffer,
      payloadStart,
      payloadEnd,
    );
  }

  #writeHeader(out: Uint8Array, at: number, flags: number, packetId: number, message: Message): void {
    const { buffer, propertiesStart, propertiesEnd, topic, payloadLength } = message;
    writePublishHeader(
      out,
      at,
      this.#version,
      flags,
      topic.bytes,
      packetId,
      buffer,
      propertiesStart,
      propertiesEnd,
      payloadLength,
    );
  }
}
