import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadPlan, Target } from '../plan.ts';
import { Answers } from './answers.ts';
import { Connection, openConnections } from './connection.ts';
import { CountingReceiver, FrameReader } from './receivers.ts';
import type { Source } from './sources.ts';
import type { FrameShape, Wire } from './wire.ts';

/** A subscriber that got nothing for so long, while something is on its way, has lost it. */
const STALL_MS = 10_000;

export interface Publisher {
  readonly connection: Connection;
  readonly source: Source;
  /** Counts messages that are done; at QoS 0 it only finds out what should not come. */
  readonly acknowledgements: { readonly received: number };
  sent: number;
}

export interface Subscriber {
  readonly connection: Connection;
  received: number;
}

export interface Limits {
  /** Most messages that the slowest subscriber, or the group, has not received yet. */
  readonly windowMessages: number;
  /** Most unacknowledged messages per publisher; Infinity where nothing is acknowledged. */
  readonly ackWindow: number;
  /** Each message goes to one of the subscribers. */
  readonly group: boolean;
}

/** The limits of a plan whose packets have so many bytes. */
export function limitsOf(plan: LoadPlan, packetBytes: number): Limits {
  return {
    windowMessages: Math.floor(plan.windowBytes / packetBytes),
    ackWindow: plan.wire.qos === 0 || plan.wire.protocol === 'nats' ? Infinity : plan.ackWindow,
    group: plan.group,
  };
}

/**
 * Publishes as fast as the slowest subscriber, or the group, receives: at most a window of messages is on its way, so that
 * no broker has a reason to drop at QoS 0, and none is asked to hold more than another.
 */
export class ClosedLoop {
  published = 0;
  readonly publishers: readonly Publisher[];
  readonly subscribers: readonly Subscriber[];
  readonly #limits: Limits;
  #slowest: Subscriber;
  #turn = 0;
  #running = false;

  constructor(publishers: readonly Publisher[], subscribers: readonly Subscriber[], limits: Limits) {
    this.publishers = publishers;
    this.subscribers = subscribers;
    this.#limits = limits;
    this.#slowest = subscribers[0]!;
    for (const { connection } of publishers) connection.socket.on('drain', () => this.pump());
  }

  start(): void {
    this.#running = true;
    this.pump();
  }

  /** No new messages; those on their way still arrive. */
  stop(): void {
    this.#running = false;
  }

  get received(): number {
    let sum = 0;
    for (const subscriber of this.subscribers) sum += subscriber.received;
    return sum;
  }

  /** Messages that the slowest subscriber, or the group, has not received yet. */
  get onTheirWay(): number {
    return this.published - (this.#limits.group ? this.received : this.#slowest.received);
  }

  /** Call when this subscriber received something. */
  progressed(subscriber: Subscriber): void {
    if (!this.#limits.group && subscriber !== this.#slowest) return;
    for (const other of this.subscribers) if (other.received < this.#slowest.received) this.#slowest = other;
    this.pump();
  }

  /** Throws when somebody, or the group, received more than was published. */
  requireNoneTwice(): void {
    const { published, received, subscribers } = this;
    const most = this.#limits.group ? received : Math.max(...subscribers.map((subscriber) => subscriber.received));
    if (most > published) throw new Error(`${most} messages received of ${published} published`);
  }

  /** Lets publishers, in turn, write a piece each until the window or all sockets are full. */
  pump(): void {
    let wrote = this.#running;
    while (wrote) {
      wrote = false;
      for (let step = 0; step < this.publishers.length; step++) {
        this.#turn = (this.#turn + 1) % this.publishers.length;
        if (this.#publish(this.publishers[this.#turn]!)) wrote = true;
      }
    }
  }

  /** Ends the run with an error when nothing arrives any more. */
  watch(): NodeJS.Timeout {
    let last = -1;
    return setInterval(() => {
      const missing = this.onTheirWay;
      if (missing > 0 && this.received === last) {
        const who = this.#limits.group ? 'the group' : 'the slowest subscriber';
        throw new Error(`stalled: ${missing} of ${this.published} messages never reached ${who}`);
      }
      last = this.received;
    }, STALL_MS);
  }

  #publish(publisher: Publisher): boolean {
    if (publisher.connection.socket.writableNeedDrain) return false;
    const inWindow = this.#limits.windowMessages - this.onTheirWay;
    const unacknowledged = publisher.sent - publisher.acknowledgements.received;
    const bytes = publisher.source.next(Math.min(inWindow, this.#limits.ackWindow - unacknowledged));
    if (bytes === null) return false;
    this.published += publisher.source.count;
    publisher.sent += publisher.source.count;
    publisher.connection.write(bytes);
    return true;
  }
}

/** Until the other node knows of a subscription for certain: it is told after the client is. */
const INTEREST_MS = 500;

/** Connects the plan's subscribers; `attach` says what each does with its bytes. */
export async function openSubscribers(
  plan: LoadPlan,
  { port, subscribePort }: Target,
  wire: Wire,
  attach: (subscriber: Subscriber, index: number) => void,
): Promise<Subscriber[]> {
  const topic = plan.topics === 'own' ? wire.everything() : wire.topic(1);
  const filter = plan.group ? wire.shared(topic) : topic;
  const endpoint = { port: subscribePort, transport: plan.wire.transport };
  const connections = await openConnections(plan.subscribers, (index) =>
    Connection.open(endpoint, wire, `sub${index}`, filter),
  );
  if (subscribePort !== port) await sleep(INTEREST_MS);
  return connections.map((connection, index) => {
    const subscriber = { connection, received: 0 };
    attach(subscriber, index);
    return subscriber;
  });
}

export async function openPublishers(
  plan: LoadPlan,
  port: number,
  wire: Wire,
  makeSource: (topic: string, index: number) => Source,
  onAcknowledged: () => void,
): Promise<Publisher[]> {
  const endpoint = { port, transport: plan.wire.transport };
  const connections = await openConnections(plan.publishers, (index) =>
    Connection.open(endpoint, wire, `pub${index}`, null),
  );
  const shape = wire.acknowledgementShape() ?? wire.deliveryShape(wire.topic(1), plan.payloadBytes);
  return connections.map((connection, index) => {
    const acknowledgements = acknowledgementReceiver(connection, shape);
    connection.onBytes((length, buffer) => {
      acknowledgements.take(length, buffer);
      onAcknowledged();
    });
    const topic = wire.topic(plan.topics === 'own' ? index + 1 : 1);
    return { connection, source: makeSource(topic, index), acknowledgements, sent: 0 };
  });
}

/** At QoS 2, what comes has to be read packet by packet: PUBREC is answered, PUBCOMP counted. */
function acknowledgementReceiver(connection: Connection, shape: FrameShape): CountingReceiver | FrameReader {
  const answers = new Answers((bytes) => connection.write(bytes));
  const isStepwise = shape.control !== null && shape.control.packetIdOffset >= 0;
  return isStepwise ? new FrameReader(shape, () => {}, answers) : new CountingReceiver(shape, answers);
}

/** Reads every packet of a subscriber, and acknowledges it where there is something to acknowledge. */
export function readFrames(
  subscriber: Subscriber,
  shape: FrameShape,
  onFrame: (buffer: Buffer, offset: number) => void,
  onRead: () => void,
): void {
  const { connection } = subscriber;
  const reader = new FrameReader(shape, onFrame, new Answers((bytes) => connection.write(bytes)));
  connection.onBytes((length, buffer) => {
    reader.take(length, buffer);
    subscriber.received = reader.received;
    onRead();
  });
}

/** CPU seconds of processes, all threads, from /proc; NaN where there are none. Resolution 10 ms. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
}

function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticksPerSecond = 100;
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}
