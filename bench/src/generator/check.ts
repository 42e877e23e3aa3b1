import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckPlan, CheckResult, Target } from '../plan.ts';
import { ClosedLoop, limitsOf, openPublishers, openSubscribers, readFrames } from './closed-loop.ts';
import { NumberedSource } from './sources.ts';
import { createWire, type FrameShape, type Wire } from './wire.ts';

/** A duplicate would come soon after the original. */
const EXTRA_WAIT_MS = 200;

/**
 * Every subscriber, or the group as a whole, gets every message exactly once, in order per publisher, and each byte of it
 * is what was published. Each member of a group gets something.
 */
export async function runCheck(plan: CheckPlan, target: Target): Promise<CheckResult> {
  const wire = createWire(plan.wire);
  const payload = Buffer.alloc(plan.payloadBytes, 'x');
  const shape = wire.deliveryShape(wire.topic(1), plan.payloadBytes);
  const total = plan.publishers * plan.messagesPerPublisher;
  const done = Promise.withResolvers<void>();
  const seen = new Seen(plan);
  const deliveries = total * (plan.group ? 1 : plan.subscribers);
  let loop: ClosedLoop | null = null;
  const subscribers = await openSubscribers(plan, target, wire, (subscriber, index) => {
    const verify = verifier(plan, wire, shape, payload, seen, index);
    readFrames(subscriber, shape, verify, () => {
      loop?.progressed(subscriber);
      if (loop !== null && loop.received >= deliveries) done.resolve();
    });
  });
  const publishers = await openPublishers(
    plan,
    target.port,
    wire,
    (topic, index) => new NumberedSource(wire, topic, payload, index, plan.messagesPerPublisher),
    () => loop?.pump(),
  );
  const packetBytes = wire.publish(wire.topic(1), payload, 1).length;
  loop = new ClosedLoop(publishers, subscribers, limitsOf(plan, packetBytes));
  loop.watch();
  loop.start();
  await done.promise;
  await sleep(EXTRA_WAIT_MS);
  if (loop.received !== deliveries) throw new Error(`${loop.received} deliveries instead of ${deliveries}`);
  const idle = loop.subscribers.findIndex(({ received }) => received === 0);
  if (idle >= 0) throw new Error(`subscriber ${idle} got nothing`);
  if (wire.acknowledgementShape() !== null) requireAcknowledged(loop);
  return { mode: 'check', deliveries };
}

function requireAcknowledged(loop: ClosedLoop): void {
  for (const [index, { sent, acknowledgements }] of loop.publishers.entries()) {
    if (acknowledgements.received === sent) continue;
    throw new Error(`publisher ${index}: ${acknowledgements.received} acknowledged of ${sent} messages`);
  }
}

/** Which message of a publisher a subscriber may get. Throws for any other. */
class Seen {
  readonly #group: boolean;
  readonly #next: readonly Uint32Array[];
  /** By publisher: which messages the group has. Only for a group. */
  readonly #taken: readonly Uint8Array[];

  constructor({ group, publishers, subscribers, messagesPerPublisher }: CheckPlan) {
    this.#group = group;
    this.#next = Array.from({ length: subscribers }, () => new Uint32Array(publishers));
    this.#taken = Array.from({ length: group ? publishers : 0 }, () => new Uint8Array(messagesPerPublisher));
  }

  add(subscriber: number, publisher: number, sequence: number): void {
    const who = `subscriber ${subscriber}, publisher ${publisher}`;
    const next = this.#next[subscriber]!;
    const expected = next[publisher]!;
    next[publisher] = sequence + 1;
    if (!this.#group) {
      if (sequence !== expected) throw new Error(`${who}: message ${sequence} instead of ${expected}`);
      return;
    }
    // What lies between went to other members; that nothing is missing, the number of deliveries shows.
    const taken = this.#taken[publisher]!;
    if (taken[sequence] !== 0) throw new Error(`${who}: message ${sequence} again`);
    if (sequence < expected) throw new Error(`${who}: message ${sequence} after ${expected - 1}`);
    taken[sequence] = 1;
  }
}

function verifier(
  plan: CheckPlan,
  wire: Wire,
  shape: FrameShape,
  payload: Buffer,
  seen: Seen,
  subscriber: number,
): (buffer: Buffer, offset: number) => void {
  const expected = Array.from({ length: plan.publishers }, (_, index) => {
    return wire.delivery(wire.topic(plan.topics === 'own' ? index + 1 : 1), payload, 0);
  });
  return (buffer, offset) => {
    const publisher = buffer.readUInt32BE(offset + shape.payloadOffset);
    const sequence = buffer.readUInt32BE(offset + shape.payloadOffset + 4);
    seen.add(subscriber, publisher, sequence);
    const got = Buffer.from(buffer.subarray(offset, offset + shape.size));
    got.fill('x', shape.payloadOffset, shape.payloadOffset + 8);
    if (shape.packetIdOffset >= 0) got.writeUInt16BE(0, shape.packetIdOffset);
    if (!got.equals(expected[publisher]!)) {
      throw new Error(`subscriber ${subscriber}, publisher ${publisher}: message ${sequence} is altered`);
    }
  };
}
