import { isUtf8 } from 'node:buffer';
import { PacketError, type PublishView, Reason, type RecentTopic } from '@plexus/protocol';
import { Ack, AckSlots, type AckWriter } from './ack-slots.ts';
import type { BrokerContext } from './context.ts';
import { Message } from './message.ts';
import { PublishRun } from './publish-run.ts';
import type { Session } from './session.ts';
import type { CommitTarget } from './session-store.ts';

/** The receive maximum of a client that cannot be told one: every packet id. */
const MAX_RECEIVE_MAXIMUM = 0xffff;

/** Somewhere that is full, and says when it is no more. */
export interface Room {
  whenRoom(call: () => void): void;
}

/** What the publishing half needs of its connection. */
export interface PublisherConnection extends AckWriter {
  /** PUBLISH packets from here on wait until `room` has some. */
  holdBack(room: Room): void;
}

/**
 * The publishing half of a connection: PUBLISH packets in, acknowledgements out. QoS 0 messages of one read are gathered in runs; everything
 * else goes to the router one by one, with its acknowledgement slot.
 */
export class Publisher implements CommitTarget {
  readonly slots: AckSlots;
  /** Of the message that the router has at the moment. */
  slot = 0;
  messages = 0;
  readonly #context: BrokerContext;
  readonly #session: Session;
  readonly #version: 4 | 5;
  readonly #connection: PublisherConnection;
  #run: PublishRun | null = null;
  /** Topics by the alias that the client gave them; null until it gives one. */
  #aliases: RecentTopic[] | null = null;
  /** QoS 2 packet ids of this connection without a PUBREL. */
  #unreleased: Set<number> | null = null;

  constructor(context: BrokerContext, session: Session, version: 4 | 5, connection: PublisherConnection) {
    this.#context = context;
    this.#session = session;
    this.#version = version;
    this.#connection = connection;
    this.slots = new AckSlots({
      writeAcknowledgement: (packetId, ack, reason) => this.#answer(packetId, ack, reason),
    });
  }

  holdBack(room: Room): void {
    this.#connection.holdBack(room);
  }

  /** @throws {PacketError} when the client may not send this */
  publish(view: PublishView): void {
    const topic = this.#topicOf(view);
    const { counters } = this.#context;
    this.messages++;
    counters.messagesIn[view.qos]++;
    this.#session.realm.messagesIn++;
    counters.publishBytesIn[view.qos] += view.end - view.start;
    if (
      view.payloadFormat === 1 &&
      this.#context.options.checkPayloadFormat &&
      !isUtf8(view.buffer.subarray(view.payloadStart, view.end))
    ) {
      this.#refuseFormat(view);
      return;
    }
    if (view.qos === 0 && !view.retain && view.topicAlias === 0) {
      if (this.#run?.extend(view) === true) return;
      this.flush();
      if (isForNodeOnly(topic)) counters.drop('not_authorized', 1);
      else this.#run = PublishRun.begin(view, topic, this.#version, this.#session.clientId);
      return;
    }
    this.flush();
    if (view.qos === 0) this.#publishSingle(view, topic);
    else this.#publishAcknowledged(view, topic, view.qos);
  }

  /** Hands over the run so far. Before anything else of this connection happens, and at the end of each read. */
  flush(): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    this.#context.router.publishRun(this.#session.realm, run);
  }

  /** Handles a PUBREL; the PUBCOMP waits for what a durable session has to commit. */
  release(packetId: number): void {
    this.slot = this.slots.take(packetId, Ack.Pubcomp);
    this.#unreleased?.delete(packetId);
    const known = this.#session.state.forget(packetId, this);
    this.slots.meet(this.slot, known ? Reason.Success : Reason.PacketIdentifierNotFound);
  }

  #topicOf(view: PublishView): RecentTopic {
    const alias = view.topicAlias;
    if (alias === 0) return view.topic!;
    if (alias > this.#context.options.maxTopicAliases) {
      throw new PacketError(Reason.TopicAliasInvalid, `topic alias ${alias}, above our maximum [MQTT-3.3.2-9]`);
    }
    this.#aliases ??= [];
    if (view.topic !== null) this.#aliases[alias] = view.topic;
    const topic = this.#aliases[alias];
    if (topic === undefined) {
      throw new PacketError(Reason.TopicAliasInvalid, `topic alias ${alias}, which was never set (§3.3.2.3.4)`);
    }
    return topic;
  }

  /** A message at QoS 0 that cannot be part of a run. */
  #publishSingle(view: PublishView, topic: RecentTopic): void {
    if (isForNodeOnly(topic)) this.#context.counters.drop('not_authorized', 1);
    else this.#context.router.publish(this.#session.realm, this.#message(view, topic), null);
  }

  /** The payload is not the UTF-8 that the packet says it is, MQTT 5.0 §3.3.2.3.2. */
  #refuseFormat(view: PublishView): void {
    this.flush();
    if (view.qos === 0)
      throw new PacketError(Reason.PayloadFormatInvalid, 'payload is not UTF-8 as it claims (§3.3.2.3.2)');
    const slot = this.slots.take(view.packetId, view.qos === 1 ? Ack.Puback : Ack.Pubrec);
    this.slots.meet(slot, Reason.PayloadFormatInvalid);
  }

  #publishAcknowledged(view: PublishView, topic: RecentTopic, qos: 1 | 2): void {
    this.#checkReceiveMaximum(view.packetId, qos);
    const slot = this.slots.take(view.packetId, qos === 1 ? Ack.Puback : Ack.Pubrec);
    this.slot = slot;
    let reason: number = Reason.UnspecifiedError;
    try {
      // [MQTT-4.3.3-10]: a packet id that was not released yet is the same message once more, and is only acknowledged.
      if (qos === 1 || this.#session.state.receive(view.packetId, this)) reason = this.#route(view, topic);
      else reason = Reason.Success;
    } finally {
      if (qos === 2) this.#noteUnreleased(view.packetId);
      this.slots.meet(slot, reason);
    }
  }

  #route(view: PublishView, topic: RecentTopic): number {
    if (!isForNodeOnly(topic)) {
      return this.#context.router.publish(this.#session.realm, this.#message(view, topic), this);
    }
    this.#context.counters.drop('not_authorized', 1);
    // [MQTT-3.3.5-2] of 3.1.1: acknowledge, or close; it cannot be said.
    return this.#version === 5 ? Reason.NotAuthorized : Reason.Success;
  }

  #noteUnreleased(packetId: number): void {
    this.#unreleased ??= new Set();
    this.#unreleased.add(packetId);
  }

  #answer(packetId: number, ack: Ack, reason: number): void {
    // Refused, perhaps by another node, and so done with [MQTT-4.3.3-9]: the packet id is free again.
    if (ack === Ack.Pubrec && reason >= Reason.UnspecifiedError) {
      this.#unreleased?.delete(packetId);
      this.#session.state.forget(packetId, null);
    }
    this.#connection.writeAcknowledgement(packetId, ack, reason);
  }

  /** [MQTT-3.3.4-7]: not more QoS 1 and 2 under way on this connection than the receive maximum of our CONNACK. */
  #checkReceiveMaximum(packetId: number, qos: 1 | 2): void {
    const limit = this.#version === 5 ? this.#context.options.maxInFlight : MAX_RECEIVE_MAXIMUM;
    if (this.slots.pendingQos1 + (this.#unreleased?.size ?? 0) < limit) return;
    if (qos === 2 && this.#unreleased?.has(packetId) === true) return;
    throw new PacketError(Reason.ReceiveMaximumExceeded, `more than ${limit} PUBLISH under way [MQTT-3.3.4-7]`);
  }

  #message(view: PublishView, topic: RecentTopic): Message {
    const message = Message.fromView(view, topic, this.#session.clientId, this.#context.clock);
    // An alias means something on the publisher's connection only.
    if (view.topicAlias !== 0) message.dropTopicAlias();
    return message;
  }
}

const DOLLAR = 0x24;

/** Nobody but the node publishes on topics that begin with `$`. */
function isForNodeOnly(topic: RecentTopic): boolean {
  return topic.bytes[0] === DOLLAR;
}
