import {
  CLOSE_REASONS,
  type CloseReason,
  type ConnectPacket,
  encodeAck,
  encodeDisconnect,
  encodePingresp,
  PacketError,
  PacketType,
  type Properties,
  type PublishView,
  Reason,
  type ReasonPacket,
  ServerDecoder,
  type ServerPacketHandler,
  type SubscribePacket,
  type TopicTable,
  type UnsubscribePacket,
} from '@plexus/protocol';
import { Ack } from './ack-slots.ts';
import type { Admission } from './admission.ts';
import { closeReasonOf, reasonOfLoss, TAKES_NOTHING } from './close-reason.ts';
import type { ConnectedClient } from './connected-client.ts';
import type { BrokerContext } from './context.ts';
import type { WaitingPublisher } from './flow-control.ts';
import { Outbound, type OutboundOwner } from './outbound.ts';
import { PublishGate } from './publish-gate.ts';
import type { PublisherConnection, Room } from './publisher.ts';
import { subscribe, unsubscribe } from './subscribe.ts';
import type { Transport, TransportHandler } from './transport.ts';

/** How long a closing connection may take to send what is waiting, its DISCONNECT last. */
const CLOSE_GRACE_MS = 2000;
/** Largest packet before a CONNECT was accepted: strangers are not given more memory than an honest CONNECT takes. */
const MAX_CONNECT_BYTES = 128 * 1024;
const PINGRESP = encodePingresp();

/** What the connection tells the broker. */
export interface ConnectionOwner {
  readonly admission: Admission;
  /** Its client is gone: session, registry and will are to be seen to. Called once, only for a connected client. */
  clientGone(client: ConnectedClient): void;
  /** Its CONNECT was accepted or refused, or it closed without one. Idempotent. */
  handshakeOver(connection: Connection): void;
  /** Nothing of the connection is left. Called exactly once. */
  connectionGone(connection: Connection): void;
}

/**
 * One transport and the MQTT spoken on it, from the first byte to the close. Bytes come in, decisions go out: it touches no socket
 * and no timer. What a client is once its CONNECT was accepted is `ConnectedClient`.
 */
export class Connection
  implements TransportHandler, ServerPacketHandler, PublisherConnection, OutboundOwner, WaitingPublisher
{
  readonly transport: Transport;
  readonly listener: string;
  /** Of all connections since the start, in order of coming. */
  readonly number: number;
  readonly outbound: Outbound;
  readonly decoder: ServerDecoder;
  readonly openedAtMs: number;
  bytesIn = 0;
  /** Clock milliseconds of the last bytes that came. */
  lastInMs: number;
  /** null until the CONNECT was accepted, and again once closing. */
  client: ConnectedClient | null = null;
  readonly #context: BrokerContext;
  readonly #owner: ConnectionOwner;
  /** null when no PUBLISH ever had to wait. */
  #gate: PublishGate | null = null;
  /** Why the connection ends once its parked packets are handled; null while nothing ends it. */
  #departure: CloseReason | null = null;
  #readingPaused = false;
  #closing = false;
  #transportGone = false;

  constructor(
    context: BrokerContext,
    owner: ConnectionOwner,
    topics: TopicTable,
    transport: Transport,
    listener: string,
    number: number,
  ) {
    this.#context = context;
    this.#owner = owner;
    this.transport = transport;
    this.listener = listener;
    this.number = number;
    this.openedAtMs = context.now();
    this.lastInMs = this.openedAtMs;
    this.outbound = new Outbound(this, transport, context);
    this.decoder = new ServerDecoder(this, {
      maxPacketBytes: Math.min(context.options.maxPacketBytes, MAX_CONNECT_BYTES),
      topics,
      topicLimits: context.topicLimits,
    });
  }

  // ---- from the transport

  onData(chunk: Uint8Array): void {
    this.bytesIn += chunk.length;
    this.#context.counters.bytesIn += chunk.length;
    if (this.#closing || this.#departure !== null) return;
    this.lastInMs = this.#context.now();
    try {
      this.decoder.push(chunk);
      this.client?.flushRun();
    } catch (error) {
      this.#failed(error);
    }
    this.#context.incomplete.update(this);
  }

  onWritten(): void {
    this.outbound.written();
  }

  onClosed(error: Error | null): void {
    if (this.#transportGone) return;
    this.#transportGone = true;
    this.outbound.discard();
    if (this.#closing) this.#owner.connectionGone(this);
    else this.#depart(reasonOfLoss(error), error?.message);
  }

  // ---- from the outbound and the flow control

  onDrained(): void {
    if (this.#closing) this.#endIfSent();
    else this.client?.subscriber.pump();
  }

  closeStalled(): void {
    if (this.#closing) this.#destroy();
    else this.close('outbound_overflow');
  }

  resumePublishing(): void {
    this.#guard(() => this.#gate?.replay(() => this.client?.flushRun()));
    if (this.#departure !== null && !this.#publishesWait) this.close(this.#departure);
  }

  holdBack(room: Room): void {
    this.#gate ??= new PublishGate(this.#context, this);
    this.#gate.holdBack(room);
  }

  // ---- packets

  onConnect(packet: ConnectPacket): void {
    this.#owner.admission.admit(this, packet);
  }

  onPublish(view: PublishView): void {
    if (this.#context.flow.closed || this.#gate?.closed === true) this.#park(view);
    else this.client!.publisher.publish(view);
  }

  onPuback(packetId: number, reason: number, properties: Properties | null): void {
    this.client!.flushRun();
    this.client!.subscriber.onPuback(packetId, reason, properties);
  }

  onPubrec(packetId: number, reason: number): void {
    this.client!.flushRun();
    if (this.client!.subscriber.onPubrec(packetId, reason)) return;
    this.send(encodeAck(this.decoder.version, PacketType.Pubrel, packetId, Reason.PacketIdentifierNotFound));
  }

  onPubrel(packetId: number): void {
    this.client!.flushRun();
    this.client!.publisher.release(packetId);
  }

  onPubcomp(packetId: number): void {
    this.client!.flushRun();
    this.client!.subscriber.onPubcomp(packetId);
  }

  onSubscribe(packet: SubscribePacket): void {
    this.client!.flushRun();
    const suback = subscribe(this.#context, this.client!, packet);
    if (suback instanceof Promise) this.#sendLater(suback);
    else this.send(suback);
  }

  onUnsubscribe(packet: UnsubscribePacket): void {
    this.client!.flushRun();
    this.send(unsubscribe(this.client!, packet));
  }

  onPingreq(): void {
    this.client!.flushRun();
    this.send(PINGRESP);
  }

  onDisconnect(packet: ReasonPacket): void {
    const client = this.client!;
    client.flushRun();
    client.disconnected(packet);
    this.#depart('client_disconnect');
  }

  onAuth(): void {
    // No authentication method was agreed on in the CONNECT [MQTT-4.12.0-6].
    throw new PacketError(Reason.ProtocolError, 'AUTH without an authentication method [MQTT-4.12.1-1]');
  }

  writeAcknowledgement(packetId: number, ack: Ack, reason: number): void {
    if (this.#closing) return;
    const isV4 = this.decoder.version === 4;
    if (isV4 && reason >= Reason.UnspecifiedError && ack !== Ack.Pubcomp) this.close('publish_refused');
    else this.client!.acknowledge(ack, packetId, reason);
  }

  // ---- used by the broker

  /** Whether its socket is left unread on purpose: keep-alive means nothing then. */
  get readingPaused(): boolean {
    return this.#readingPaused || this.#departure !== null;
  }

  /** Closed, or about to be: nothing it says counts any more. */
  get closed(): boolean {
    return this.#closing;
  }

  get remoteAddress(): string {
    return this.transport.remoteAddress;
  }

  /** Sends a packet that must be sent; a client that does not take one of its size is closed [MQTT-3.1.2-24]. */
  send(bytes: Uint8Array): void {
    if (this.client !== null && bytes.length > this.client.capabilities.maximumPacketBytes) {
      this.close(
        'packet_too_large',
        `a packet of ${bytes.length} bytes has to be sent, and the client does not take it`,
      );
    } else this.outbound.push(bytes, 0, bytes.length);
  }

  /** Reads no further until `resumeReading`. */
  pauseReading(): void {
    if (this.#readingPaused) return;
    this.#readingPaused = true;
    this.transport.pause();
  }

  resumeReading(): void {
    if (!this.#readingPaused) return;
    this.#readingPaused = false;
    this.lastInMs = this.#context.now();
    this.transport.resume();
  }

  /** Its CONNECT is accepted. From here on it may send what the options allow, to topics of its realm. */
  welcome(client: ConnectedClient): void {
    this.client = client;
    this.decoder.topics = client.realm.topics;
    this.decoder.maxPacketBytes = this.#context.options.maxPacketBytes;
    this.#owner.handshakeOver(this);
  }

  /** The answer to a CONNECT that had to wait for it, and then the rest of what came with and after that. */
  resumeDecoding(answer: () => void): void {
    this.resumeReading();
    this.#guard(() => {
      answer();
      this.decoder.resume();
    });
    this.#context.incomplete.update(this);
  }

  /**
   * Ends the connection: tells the client why where its version can, sends what waits for it as far as it goes
   * quickly, closes. The client is out of every index when this returns. Idempotent.
   */
  close(reason: CloseReason, detail?: string): void {
    if (!this.#closing) this.#close(reason, detail);
  }

  /** Sends a last packet instead of a DISCONNECT: a CONNACK that refuses. */
  refuse(reason: CloseReason, packet: Uint8Array | null): void {
    if (this.#closing) return;
    this.#context.counters.refuse(reason);
    this.#context.limitedLog.warn(
      `refused: ${reason}`,
      { reason, remoteAddress: this.remoteAddress },
      'connection refused',
    );
    this.#closing = true;
    this.#owner.handshakeOver(this);
    this.decoder.stop();
    this.#context.incomplete.update(this);
    if (packet !== null) this.send(packet);
    this.#finish();
  }

  // ---- inside

  /** Sends what had to wait for an answer of another node, if it is still there by then. */
  #sendLater(packet: Promise<Uint8Array>): void {
    packet.then(
      (bytes) => {
        if (!this.#closing && !this.#transportGone) this.#guard(() => this.send(bytes));
      },
      (error: unknown) => this.#failed(error),
    );
  }

  #guard(handle: () => void): void {
    try {
      handle();
      this.client?.flushRun();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A fault of the client ends its connection; a fault of ours ends it too, and is logged. */
  #failed(error: unknown): void {
    this.client?.flushRun();
    if (!(error instanceof PacketError)) {
      this.#context.log.error({ err: error, remoteAddress: this.remoteAddress }, 'fault while handling a packet');
      this.close('internal_error');
    } else if (this.client === null && !this.#closing) {
      this.#owner.admission.refuseMalformed(this, closeReasonOf(error), error);
    } else this.close(closeReasonOf(error), error.message);
  }

  /** Ends the connection; first, what the client had published counts. */
  #depart(reason: CloseReason, detail?: string): void {
    if (this.#publishesWait) this.#departure ??= reason;
    else this.close(reason, detail);
  }

  #close(reason: CloseReason, detail: string | undefined): void {
    this.#closing = true;
    const client = this.client;
    this.client = null;
    this.decoder.stop();
    this.#context.incomplete.update(this);
    this.#gate?.forget();
    this.#context.counters.close(reason);
    this.#context.log.debug(
      { reason, detail, realm: client?.realm.name, clientId: client?.clientId, remoteAddress: this.remoteAddress },
      'connection closed',
    );
    if (client === null) this.#owner.handshakeOver(this);
    else {
      this.#sayWhy(client, reason, detail);
      this.#owner.clientGone(client);
    }
    if (this.#transportGone) this.#owner.connectionGone(this);
    else if (TAKES_NOTHING.has(reason)) this.#destroy();
    else this.#finish();
  }

  #sayWhy(client: ConnectedClient, reason: CloseReason, detail: string | undefined): void {
    const { mqttReason } = CLOSE_REASONS[reason];
    if (mqttReason === null || client.version === 4) return;
    this.send(encodeDisconnect(5, mqttReason, detail === undefined ? {} : client.explain(detail)));
  }

  #destroy(): void {
    this.outbound.discard();
    this.transport.destroy();
  }

  #finish(): void {
    this.resumeReading();
    this.#context.clock.setTimeout(() => {
      if (!this.#transportGone) this.transport.destroy();
    }, CLOSE_GRACE_MS);
    this.outbound.flush();
    this.#endIfSent();
  }

  #endIfSent(): void {
    if (this.outbound.bytes === 0) this.transport.end(CLOSE_GRACE_MS);
  }

  get #publishesWait(): boolean {
    return this.#gate?.hasParked === true;
  }

  #park(view: PublishView): void {
    this.#gate ??= new PublishGate(this.#context, this);
    this.#gate.park(view);
  }
}
