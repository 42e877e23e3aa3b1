import { setTimeout as sleep } from 'node:timers/promises';
import type { FlowPlan, FlowResult, Target, Timing } from '../plan.ts';
import { Answers } from './answers.ts';
import { ClosedLoop, cpuSeconds, limitsOf, openPublishers, openSubscribers, readFrames } from './closed-loop.ts';
import { CountingReceiver } from './receivers.ts';
import { BlockSource, CycleSource } from './sources.ts';
import { createWire } from './wire.ts';

/** As many deliveries as the broker can make; counted between the end of the warm-up and the end. */
export async function runFlow(plan: FlowPlan, target: Target, timing: Timing): Promise<FlowResult> {
  const loop = await openLoop(plan, target);
  const watch = loop.watch();
  loop.start();
  await sleep(timing.warmupMs);
  const before = snapshot(loop, target);
  await sleep(timing.measureMs);
  const after = snapshot(loop, target);
  clearInterval(watch);
  loop.requireNoneTwice();
  const deliveries = after.received - before.received;
  if (deliveries === 0) throw new Error('stalled: nothing was delivered during the measurement');
  const brokerCpu = after.brokerCpu - before.brokerCpu;
  return {
    mode: 'flow',
    deliveriesPerSecond: deliveries / (after.at - before.at),
    brokerCpuMicrosPerDelivery: (brokerCpu / deliveries) * 1e6,
    brokerCores: brokerCpu / (after.at - before.at),
    generatorCores: (after.generatorCpu - before.generatorCpu) / (after.at - before.at),
  };
}

async function openLoop(plan: FlowPlan, target: Target): Promise<ClosedLoop> {
  const wire = createWire(plan.wire);
  const payload = Buffer.alloc(plan.payloadBytes, 'x');
  const shape = wire.deliveryShape(wire.topic(1), plan.payloadBytes);
  const acknowledged = shape.packetIdOffset >= 0;
  let loop: ClosedLoop | null = null;
  const subscribers = await openSubscribers(plan, target, wire, (subscriber) => {
    if (acknowledged) {
      const nothing = (): void => {};
      readFrames(subscriber, shape, nothing, () => loop?.progressed(subscriber));
      return;
    }
    const counter = new CountingReceiver(shape, new Answers((bytes) => subscriber.connection.write(bytes)));
    subscriber.connection.onBytes((length, buffer) => {
      counter.take(length, buffer);
      subscriber.received = counter.received;
      loop?.progressed(subscriber);
    });
  });
  const publishers = await openPublishers(
    plan,
    target.port,
    wire,
    (topic) => (acknowledged ? new CycleSource(wire, topic, payload) : new BlockSource(wire, topic, payload)),
    () => loop?.pump(),
  );
  loop = new ClosedLoop(publishers, subscribers, limitsOf(plan, wire.publish(wire.topic(1), payload, 1).length));
  return loop;
}

function snapshot(loop: ClosedLoop, target: Target) {
  const { user, system } = process.cpuUsage();
  return {
    at: performance.now() / 1000,
    received: loop.received,
    brokerCpu: cpuSeconds(target.pids),
    generatorCpu: (user + system) / 1e6,
  };
}
