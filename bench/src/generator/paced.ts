import { setTimeout as sleep } from 'node:timers/promises';
import type { PacedPlan, PacedResult, Target, Timing } from '../plan.ts';
import { ClosedLoop, limitsOf, openPublishers, openSubscribers, readFrames, type Subscriber } from './closed-loop.ts';
import { BlockSource } from './sources.ts';
import { createWire, type Wire } from './wire.ts';

/** How long deliveries may still come after the last message was sent. */
const LINGER_MS = 1_000;

/**
 * Latency from just before the publisher's write to the subscriber's read, both stamped by one clock in this
 * process. The rate is kept in steps of a timer tick (1 ms), each tick's messages in one write.
 */
export async function runPaced(plan: PacedPlan, target: Target, asked: Timing): Promise<PacedResult> {
  const timing = { ...asked, warmupMs: Math.max(asked.warmupMs, plan.leastWarmupMs) };
  const wire = createWire(plan.wire);
  const latencies = new Latencies(plan, timing);
  const loop = await openLoop(plan, target, wire, latencies);
  const all = loop.subscribers;
  const watch = loop.watch();
  await fill(loop, plan, wire);
  const { sent, start } = await sendPaced(loop, plan, wire, timing, latencies);
  const deadline = start + timing.warmupMs + timing.measureMs + LINGER_MS;
  while (performance.now() < deadline && all.some((subscriber) => subscriber.received < sent)) await sleep(10);
  clearInterval(watch);
  return {
    mode: 'paced',
    ...latencies.percentiles(),
    missing: all.reduce((sum, { received }) => sum + Math.max(0, sent - received), 0),
    frozenClosed: latencies.frozen.filter(({ connection }) => connection.closed).length,
  };
}

/** Stamps between the end of the warm-up and the end count. */
class Latencies {
  frozen: Subscriber[] = [];
  from = Number.POSITIVE_INFINITY;
  readonly #micros: Float64Array;
  #count = 0;

  constructor(plan: PacedPlan, timing: Timing) {
    const expected = (plan.subscribers - plan.frozen) * plan.ratePerSecond * (timing.measureMs / 1000);
    this.#micros = new Float64Array(Math.ceil(expected * 1.1) + 1_000);
  }

  add(stamp: number, now: number): void {
    if (stamp < this.from || this.#count === this.#micros.length) return;
    this.#micros[this.#count++] = (now - stamp) * 1000;
  }

  percentiles(): { p50Micros: number; p99Micros: number; samples: number } {
    if (this.#count === 0) throw new Error('stalled: nothing was delivered during the measurement');
    const sorted = this.#micros.subarray(0, this.#count).sort();
    const at = (share: number): number => sorted[Math.min(this.#count - 1, Math.floor(this.#count * share))]!;
    return { p50Micros: at(0.5), p99Micros: at(0.99), samples: this.#count };
  }
}

async function openLoop(plan: PacedPlan, target: Target, wire: Wire, latencies: Latencies): Promise<ClosedLoop> {
  const shape = wire.deliveryShape(wire.topic(1), plan.payloadBytes);
  let loop: ClosedLoop | null = null;
  const subscribers = await openSubscribers(plan, target, wire, (subscriber) => {
    const stamped = (buffer: Buffer, offset: number): void => {
      latencies.add(buffer.readDoubleBE(offset + shape.payloadOffset), performance.now());
    };
    readFrames(subscriber, shape, stamped, () => loop?.progressed(subscriber));
  });
  const payload = Buffer.alloc(plan.payloadBytes, 'x');
  payload.writeDoubleBE(0, 0);
  const source = (topic: string): BlockSource => new BlockSource(wire, topic, payload);
  const publishers = await openPublishers(plan, target.port, wire, source, () => {});
  latencies.frozen = subscribers.splice(0, plan.frozen);
  for (const { connection } of latencies.frozen) connection.freeze();
  loop = new ClosedLoop(publishers, subscribers, limitsOf(plan, wire.publish(wire.topic(1), payload, 0).length));
  return loop;
}

/** At full speed until a frozen subscriber's buffers cannot take more; waits for the others to receive it all. */
async function fill(loop: ClosedLoop, plan: PacedPlan, wire: Wire): Promise<void> {
  const messages = plan.fillBytes / wire.publish(wire.topic(1), Buffer.alloc(plan.payloadBytes), 0).length;
  if (messages > 0) loop.start();
  while (loop.published < messages) await sleep(1);
  loop.stop();
  while (loop.subscribers.some(({ received }) => received < loop.published)) await sleep(1);
}

/** Sends at the planned rate; resolves when the last message is written. */
async function sendPaced(loop: ClosedLoop, plan: PacedPlan, wire: Wire, timing: Timing, latencies: Latencies) {
  const { socket } = loop.publishers[0]!.connection;
  const packet = wire.publish(wire.topic(1), Buffer.alloc(plan.payloadBytes, 'x'), 0);
  const stampOffset = packet.indexOf('x'.repeat(plan.payloadBytes));
  const start = performance.now();
  latencies.from = start + timing.warmupMs;
  const end = latencies.from + timing.measureMs;
  const done = Promise.withResolvers<void>();
  let sent = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const due = Math.floor(((Math.min(now, end) - start) * plan.ratePerSecond) / 1000) - sent;
    if (due > 0) {
      const bytes = Buffer.allocUnsafe(due * packet.length);
      for (let at = 0; at < bytes.length; at += packet.length) {
        packet.copy(bytes, at);
        bytes.writeDoubleBE(now, at + stampOffset);
      }
      socket.write(bytes);
      sent += due;
      loop.published += due;
    }
    if (now >= end) done.resolve();
  }, 1);
  await done.promise;
  clearInterval(timer);
  return { sent: loop.published, start };
}
