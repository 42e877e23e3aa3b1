import type { WirePlan } from '../plan.ts';
import { MqttWire } from './mqtt-wire.ts';
import { NatsWire } from './nats-wire.ts';

/** Packets that begin with the same byte and have one size. */
export interface PacketKind {
  readonly firstByte: number;
  readonly size: number;
  /** Where the 16-bit packet id is; -1 when there is none. */
  readonly packetIdOffset: number;
  /** What it must be answered with; where there is a packet id, it replaces the last two bytes of the answer. */
  readonly answer: Buffer | null;
}

/**
 * Where things are in a packet that repeats with one size. Because all deliveries of a run have the same
 * size, receivers walk them by stride and need no parser.
 */
export interface FrameShape extends PacketKind {
  readonly payloadOffset: number;
  /** Packets that may come in between and are not counted: a keep-alive request, the next step of QoS 2. */
  readonly control: PacketKind | null;
}

/** One protocol, as much of it as a load generator needs. */
export interface Wire {
  topic(index: number): string;
  /** A filter that matches every topic of {@link topic}. */
  everything(): string;
  connect(clientId: string): Buffer;
  /** Length of the complete answer at the start of `seen`, 0 while it is incomplete. Throws when refused. */
  connectAnswer(seen: Buffer): number;
  subscribe(filter: string): Buffer;
  /** As {@link connectAnswer}. */
  subscribeAnswer(seen: Buffer): number;
  /** A message as the publisher sends it. */
  publish(topic: string, payload: Buffer, packetId: number): Buffer;
  /** The same message as a subscriber gets it. */
  delivery(topic: string, payload: Buffer, packetId: number): Buffer;
  deliveryShape(topic: string, payloadBytes: number): FrameShape;
  /** A filter for the members of a shared subscription to `topic`. */
  shared(topic: string): string;
  /** What a publisher gets when a message is done; null when it gets nothing. */
  acknowledgementShape(): FrameShape | null;
}

export function createWire(plan: WirePlan): Wire {
  return plan.protocol === 'nats' ? new NatsWire() : new MqttWire(plan.version, plan.qos, plan.userProperties);
}
