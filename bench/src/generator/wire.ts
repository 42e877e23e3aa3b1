import type { WirePlan } from '../plan.ts';
import { MqttWire } from './mqtt-wire.ts';
import { NatsWire } from './nats-wire.ts';

/**
 * Where things are in a packet that repeats with one size. Because all deliveries of a run have the same
 * size, receivers walk them by stride and need no parser.
 */
export interface FrameShape {
  readonly size: number;
  /** First byte of every such packet. */
  readonly firstByte: number;
  readonly payloadOffset: number;
  /** Where the 16-bit packet id is; -1 when there is none. */
  readonly packetIdOffset: number;
  /** A keep-alive request that may come between packets, and the answer to it. */
  readonly ping: { readonly request: Buffer; readonly answer: Buffer } | null;
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
  /** What a publisher gets for each message; null when it gets nothing. */
  acknowledgementShape(): FrameShape | null;
  /** Appends the subscriber's acknowledgement of `packetId` at `offset`; returns the offset after it. */
  acknowledge(out: Buffer, offset: number, packetId: number): number;
}

export function createWire(plan: WirePlan): Wire {
  return plan.protocol === 'nats' ? new NatsWire() : new MqttWire(plan.version, plan.qos, plan.userProperties);
}
