import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckPlan, CheckResult, Target } from '../plan.ts';
import { ClosedLoop, openPublishers, openSubscribers, readFrames, type Subscriber } from './closed-loop.ts';
import { NumberedSource } from './sources.ts';
import { createWire, type FrameShape, type Wire } from './wire.ts';

/** A duplicate would come soon after the original. */
const EXTRA_WAIT_MS = 200;

/**
 * Every subscriber gets every message exactly once, in order per publisher, and each byte of it is what was
 * published.
 */
export async function runCheck(plan: CheckPlan, target: Target): Promise<CheckResult> {
  const wire = createWire(plan.wire);
  const payload = Buffer.alloc(plan.payloadBytes, 'x');
  const shape = wire.deliveryShape(wire.topic(1), plan.payloadBytes);
  const total = plan.publishers * plan.messagesPerPublisher;
  const done = Promise.withResolvers<void>();
  let loop: ClosedLoop | null = null;
  const subscribers = await openSubscribers(plan, target.port, wire, (subscriber, index) => {
    const verify = verifier(plan, wire, shape, payload, index);
    readFrames(subscriber, wire, shape, verify, () => {
      loop?.progressed(subscriber);
      if (loop !== null && everybodyHas(loop.subscribers, total)) done.resolve();
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
  const ackWindow = wire.acknowledgementShape() === null ? Infinity : plan.ackWindow;
  loop = new ClosedLoop(publishers, subscribers, Math.floor(plan.windowBytes / packetBytes), ackWindow);
  loop.watch();
  loop.start();
  await done.promise;
  await sleep(EXTRA_WAIT_MS);
  if (loop.received !== total * plan.subscribers) throw new Error(`${loop.received} deliveries instead of ${total}`);
  if (ackWindow !== Infinity) requireAcknowledged(loop);
  return { mode: 'check', deliveries: loop.received };
}

function everybodyHas(subscribers: readonly Subscriber[], total: number): boolean {
  return subscribers.every((subscriber) => subscriber.received >= total);
}

function requireAcknowledged(loop: ClosedLoop): void {
  for (const [index, { sent, acknowledgements }] of loop.publishers.entries()) {
    if (acknowledgements.received === sent) continue;
    throw new Error(`publisher ${index}: ${acknowledgements.received} PUBACK for ${sent} messages`);
  }
}

function verifier(plan: CheckPlan, wire: Wire, shape: FrameShape, payload: Buffer, subscriber: number) {
  const next = new Uint32Array(plan.publishers);
  const expected = Array.from({ length: plan.publishers }, (_, index) => {
    return wire.delivery(wire.topic(plan.topics === 'own' ? index + 1 : 1), payload, 0);
  });
  return (buffer: Buffer, offset: number): void => {
    const publisher = buffer.readUInt32BE(offset + shape.payloadOffset);
    const sequence = buffer.readUInt32BE(offset + shape.payloadOffset + 4);
    const who = `subscriber ${subscriber}, publisher ${publisher}`;
    if (sequence !== next[publisher]) throw new Error(`${who}: message ${sequence} instead of ${next[publisher]}`);
    next[publisher] = sequence + 1;
    const got = Buffer.from(buffer.subarray(offset, offset + shape.size));
    got.fill('x', shape.payloadOffset, shape.payloadOffset + 8);
    if (shape.packetIdOffset >= 0) got.writeUInt16BE(0, shape.packetIdOffset);
    if (!got.equals(expected[publisher]!)) throw new Error(`${who}: message ${sequence} is altered`);
  };
}
