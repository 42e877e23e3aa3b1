import {
  CLOSE_REASONS,
  type CloseReason,
  type ConnectPacket,
  encodeAck,
  encodeDisconnect,
  encodePingresp,
  PacketError,
  PacketType,
  type PublishView,
  Reason,
  type ReasonPacket,
  ServerDecoder,
  type ServerPacketHandler,
  type SubscribePacket,
  type TopicTable,
  type UnsubscribePacket,
  writeAck,
} from '@plexus/protocol';
import type { AckWriter } from './ack-slots.ts';
import type { Admission } from './admission.ts';
import { closeReasonOf } from './close-reason.ts';
import type { ConnectedClient } from './connected-client.ts';
import type { BrokerContext } from './context.ts';
import type { WaitingPublisher } from './flow-control.ts';
import { Outbound, type OutboundOwner } from './outbound.ts';
import { ParkedPackets } from './parked-packets.ts';
import { subscribe, unsubscribe } from './subscribe.ts';
import type { Transport, TransportHandler } from './transport.ts';

/** How long a closing connection may take to send what is waiting, its DISCONNECT last. */
const CLOSE_GRACE_MS = 2000;
const PINGRESP = encodePingresp();

/** What the connection tells the broker. */
export interface ConnectionOwner {
  readonly admission: Admission;
  /** Its client is gone: session, registry and will are to be seen to. Called once, only for a connected client. */
  clientGone(client: ConnectedClient): void;
  /** Nothing of the connection is left. Called exactly once. */
  connectionGone(connection: Connection): void;
}

/**
 * One transport and the MQTT spoken on it, from the first byte to the close. Bytes come in, decisions go out: it touches no socket
 * and no timer. What a client is once its CONNECT was accepted is `ConnectedClient`.
 */
export class Connection implements TransportHandler, ServerPacketHandler, AckWriter, OutboundOwner, WaitingPublisher {
  readonly transport: Transport;
  readonly listener: string;
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
  /** PUBLISH packets that wait for the node to have room; null when none do. */
  #parked: ParkedPackets | null = null;
  /** While parked packets are handled whether there is room or not, because the connection ends. */
  #draining = false;
  #readingPaused = false;
  #closing = false;
  #gone = false;

  constructor(
    context: BrokerContext,
    owner: ConnectionOwner,
    topics: TopicTable,
    transport: Transport,
    listener: string,
  ) {
    this.#context = context;
    this.#owner = owner;
    this.transport = transport;
    this.listener = listener;
    this.openedAtMs = context.now();
    this.lastInMs = this.openedAtMs;
    this.outbound = new Outbound(this, transport, context);
    this.decoder = new ServerDecoder(this, {
      maxPacketBytes: context.options.maxPacketBytes,
      topics,
      topicLimits: context.topicLimits,
    });
  }

  // ---- from the transport

  onData(chunk: Uint8Array): void {
    this.bytesIn += chunk.length;
    this.#context.counters.bytesIn += chunk.length;
    if (this.#closing) return;
    this.lastInMs = this.#context.now();
    try {
      this.decoder.push(chunk);
      this.client?.flushRun();
    } catch (error) {
      this.#failed(error);
    }
  }

  onWritten(): void {
    this.outbound.written();
  }

  onClosed(error: Error | null): void {
    if (this.#gone) return;
    // What it had published before it went counts.
    this.#guard(() => this.#replay(true));
    this.#closeBecause('client_gone', error?.message, false);
    this.#gone = true;
    this.outbound.discard();
    this.#owner.connectionGone(this);
  }

  // ---- from the outbound and the flow control

  onDrained(): void {
    if (this.#closing) this.#endIfSent();
    else this.client?.session.pump();
  }

  closeStalled(): void {
    this.close('outbound_overflow');
  }

  resumePublishing(): void {
    this.#guard(() => this.#replay(false));
  }

  // ---- packets

  onConnect(packet: ConnectPacket): void {
    this.#owner.admission.admit(this, packet);
  }

  onPublish(view: PublishView): void {
    if ((this.#context.flow.closed || this.#parked !== null) && !this.#draining) this.#park(view);
    else this.client!.publisher.publish(view);
  }

  onPuback(packetId: number): void {
    this.client!.flushRun();
    this.client!.subscriber.onPuback(packetId);
  }

  onPubrec(packetId: number, reason: number): void {
    this.client!.flushRun();
    if (this.client!.subscriber.onPubrec(packetId, reason)) return;
    this.send(encodeAck(this.decoder.version, PacketType.Pubrel, packetId, Reason.PacketIdentifierNotFound));
  }

  onPubrel(packetId: number): void {
    this.client!.flushRun();
    if (this.client!.publisher.release(packetId)) this.#sendAck(PacketType.Pubcomp, packetId, 0);
    else this.#sendAck(PacketType.Pubcomp, packetId, Reason.PacketIdentifierNotFound);
  }

  onPubcomp(packetId: number): void {
    this.client!.flushRun();
    this.client!.subscriber.onPubcomp(packetId);
  }

  onSubscribe(packet: SubscribePacket): void {
    this.client!.flushRun();
    this.send(subscribe(this.#context, this.client!, packet));
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
    this.#replay(true);
    client.disconnected(packet);
    this.close('client_disconnect');
  }

  onAuth(): void {
    // No authentication method was agreed on in the CONNECT [MQTT-4.12.0-6].
    throw new PacketError(Reason.ProtocolError, 'AUTH without an authentication method [MQTT-4.12.1-1]');
  }

  writeAcknowledgement(packetId: number, qos: 1 | 2, reason: number): void {
    if (this.#closing) return;
    if (this.decoder.version === 4 && reason >= Reason.UnspecifiedError) this.close('publish_refused');
    else this.#sendAck(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId, reason);
  }

  // ---- used by the broker

  /** Whether its socket is left unread on purpose: keep-alive means nothing then. */
  get readingPaused(): boolean {
    return this.#readingPaused;
  }

  /** Closed, or about to be: nothing it says counts any more. */
  get closed(): boolean {
    return this.#closing;
  }

  get remoteAddress(): string {
    return this.transport.remoteAddress;
  }

  send(bytes: Uint8Array): void {
    this.outbound.push(bytes, 0, bytes.length);
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

  /** The rest of what came with and after a CONNECT that had to wait for its answer. */
  resumeDecoding(): void {
    this.resumeReading();
    this.#guard(() => this.decoder.resume());
  }

  /**
   * Ends the connection: tells the client why where its version can, sends what waits for it as far as it goes
   * quickly, closes. The client is out of every index when this returns. Idempotent.
   */
  close(reason: CloseReason, detail?: string): void {
    this.#closeBecause(reason, detail, true);
  }

  /** Sends a last packet instead of a DISCONNECT: a CONNACK that refuses. */
  refuse(reason: CloseReason, packet: Uint8Array | null): void {
    if (this.#closing) return;
    this.#context.counters.refuse(reason);
    this.#context.limitedLog.warn('refused', { reason, remoteAddress: this.remoteAddress }, 'connection refused');
    this.#closing = true;
    this.decoder.stop();
    if (packet !== null) this.send(packet);
    this.#finish();
  }

  // ---- inside

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

  #closeBecause(reason: CloseReason, detail: string | undefined, canSend: boolean): void {
    if (this.#closing) return;
    this.#closing = true;
    const client = this.client;
    this.client = null;
    this.decoder.stop();
    this.#parked = null;
    this.#context.flow.forget(this);
    this.#context.counters.close(reason);
    this.#context.log.debug(
      { reason, detail, realm: client?.realm.name, clientId: client?.clientId, remoteAddress: this.remoteAddress },
      'connection closed',
    );
    const mqttReason = CLOSE_REASONS[reason].mqttReason;
    if (canSend && client !== null && mqttReason !== null && this.decoder.version === 5) {
      this.send(encodeDisconnect(5, mqttReason, detail === undefined ? {} : client.explain(detail)));
    }
    if (client !== null) this.#owner.clientGone(client);
    if (!canSend) return;
    if (TAKES_NOTHING.has(reason)) this.transport.destroy();
    else this.#finish();
  }

  #finish(): void {
    this.resumeReading();
    this.#context.clock.setTimeout(() => {
      if (!this.#gone) this.transport.destroy();
    }, CLOSE_GRACE_MS);
    this.outbound.flush();
    this.#endIfSent();
  }

  #endIfSent(): void {
    if (this.outbound.bytes === 0) this.transport.end(CLOSE_GRACE_MS);
  }

  #sendAck(type: number, packetId: number, reason: number): void {
    if (reason === 0 || this.decoder.version === 4) {
      const at = this.outbound.reserve(4);
      writeAck(this.outbound.chunk, at, type, packetId);
    } else this.send(encodeAck(5, type, packetId, reason));
  }

  #park(view: PublishView): void {
    this.#parked ??= new ParkedPackets();
    this.#parked.add(view.buffer, view.start, view.end);
    this.#context.flow.wait(this);
    if (this.#parked.bytes > this.#context.options.publisherBufferBytes) this.pauseReading();
  }

  /** Handles parked packets, oldest first: until the gate closes again, or all of them. */
  #replay(all: boolean): void {
    const parked = this.#parked;
    if (parked === null) return;
    this.#parked = null;
    this.#draining = all;
    try {
      for (let range = parked.shift(); range !== null; range = parked.shift()) {
        this.decoder.replay(range.buffer, range.start, range.end);
        this.client?.flushRun();
        if (this.#closing) return;
        const again = this.#parkedAgain();
        if (again === null) continue;
        again.append(parked);
        return;
      }
    } finally {
      this.#draining = false;
    }
    this.resumeReading();
  }

  /** What the replay of a range has parked anew. A method, because the compiler cannot know that `replay` sets it. */
  #parkedAgain(): ParkedPackets | null {
    return this.#parked;
  }
}

/** Reasons after which nothing more can be sent. */
const TAKES_NOTHING: ReadonlySet<CloseReason> = new Set(['write_timeout', 'write_failed', 'outbound_overflow']);
