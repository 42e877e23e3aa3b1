import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { LoadPlan } from '../plan.ts';
import { Connection, openConnections } from './connection.ts';
import { CountingReceiver, FrameReader } from './receivers.ts';
import type { Source } from './sources.ts';
import type { FrameShape, Wire } from './wire.ts';

/** A subscriber that got nothing for so long, while something is on its way, has lost it. */
const STALL_MS = 10_000;

const LEAST_ACKNOWLEDGED = 64;

export interface Publisher {
  readonly connection: Connection;
  readonly source: Source;
  /** Counts acknowledgements; at QoS 0 it only finds out what should not come. */
  readonly acknowledgements: CountingReceiver;
  sent: number;
}

export interface Subscriber {
  readonly connection: Connection;
  received: number;
}

/**
 * Publishes as fast as the slowest subscriber receives: at most a window of messages is on its way, so that
 * no broker has a reason to drop at QoS 0, and none is asked to hold more than another.
 */
export class ClosedLoop {
  published = 0;
  readonly publishers: readonly Publisher[];
  readonly subscribers: readonly Subscriber[];
  readonly #windowMessages: number;
  readonly #ackWindow: number;
  #slowest: Subscriber;
  #turn = 0;
  #running = false;

  /** @param ackWindow most unacknowledged messages per publisher; Infinity where nothing is acknowledged. */
  constructor(
    publishers: readonly Publisher[],
    subscribers: readonly Subscriber[],
    windowMessages: number,
    ackWindow: number,
  ) {
    this.publishers = publishers;
    this.subscribers = subscribers;
    this.#windowMessages = windowMessages;
    this.#ackWindow = ackWindow;
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

  /** Call when this subscriber received something. */
  progressed(subscriber: Subscriber): void {
    if (subscriber !== this.#slowest) return;
    for (const other of this.subscribers) if (other.received < this.#slowest.received) this.#slowest = other;
    this.pump();
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
      const waiting = this.published > this.#slowest.received;
      if (waiting && this.received === last) {
        const missing = this.published - this.#slowest.received;
        throw new Error(`stalled: ${missing} of ${this.published} messages never reached the slowest subscriber`);
      }
      last = this.received;
    }, STALL_MS);
  }

  #publish(publisher: Publisher): boolean {
    if (publisher.connection.socket.writableNeedDrain) return false;
    const inWindow = this.#windowMessages - (this.published - this.#slowest.received);
    const unacknowledged = publisher.sent - publisher.acknowledgements.received;
    const bytes = publisher.source.next(Math.min(inWindow, this.#ackWindow - unacknowledged));
    if (bytes === null) return false;
    this.published += publisher.source.count;
    publisher.sent += publisher.source.count;
    publisher.connection.socket.write(bytes);
    return true;
  }
}

/** Connects `count` subscribers; `attach` says what each does with its bytes. */
export async function openSubscribers(
  plan: LoadPlan,
  port: number,
  wire: Wire,
  attach: (subscriber: Subscriber, index: number) => void,
): Promise<Subscriber[]> {
  const filter = plan.topics === 'own' ? wire.everything() : wire.topic(1);
  const connections = await openConnections(plan.subscribers, (index) =>
    Connection.open(port, wire, `sub${index}`, filter),
  );
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
  const connections = await openConnections(plan.publishers, (index) =>
    Connection.open(port, wire, `pub${index}`, null),
  );
  const shape = wire.acknowledgementShape() ?? wire.deliveryShape(wire.topic(1), plan.payloadBytes);
  return connections.map((connection, index) => {
    const acknowledgements = new CountingReceiver(shape, (bytes) => connection.socket.write(bytes));
    connection.onBytes((length, buffer) => {
      acknowledgements.take(length, buffer);
      onAcknowledged();
    });
    const topic = wire.topic(plan.topics === 'own' ? index + 1 : 1);
    return { connection, source: makeSource(topic, index), acknowledgements, sent: 0 };
  });
}

/**
 * Reads every packet of a subscriber and, at QoS 1, acknowledges at least 64 with one write, or what there is
 * after a millisecond: a broker that writes packets one by one shall not cost the generator a write for each.
 */
export function readFrames(
  subscriber: Subscriber,
  wire: Wire,
  shape: FrameShape,
  onFrame: (buffer: Buffer, offset: number) => void,
  onRead: () => void,
): void {
  const { socket } = subscriber.connection;
  const idOffset = shape.packetIdOffset;
  const packetIds: number[] = [];
  const flush = (): void => acknowledge(socket, wire, packetIds);
  if (idOffset >= 0) setInterval(flush, 1);
  const reader = new FrameReader(
    shape,
    (buffer, offset) => {
      subscriber.received++;
      if (idOffset >= 0) packetIds.push((buffer[offset + idOffset]! << 8) | buffer[offset + idOffset + 1]!);
      onFrame(buffer, offset);
    },
    (bytes) => socket.write(bytes),
  );
  subscriber.connection.onBytes((length, buffer) => {
    reader.take(length, buffer);
    if (packetIds.length >= LEAST_ACKNOWLEDGED) flush();
    onRead();
  });
}

function acknowledge(socket: Socket, wire: Wire, packetIds: number[]): void {
  if (packetIds.length === 0) return;
  const out = Buffer.allocUnsafe(packetIds.length * 4);
  let end = 0;
  for (const id of packetIds) end = wire.acknowledge(out, end, id);
  packetIds.length = 0;
  socket.write(out);
}

/** CPU seconds of a process, all threads, from /proc; NaN where there is none. Resolution 10 ms. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticksPerSecond = 100;
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}
