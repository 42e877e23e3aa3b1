import { setTimeout as sleep } from 'node:timers/promises';

const NUMBER_BYTES = 4;
const STAMP_BYTES = NUMBER_BYTES + 8;

/** In milliseconds; the same in all processes of the machine. */
export const machineNow = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface StampedPlan {
  readonly count: number;
  readonly perSecond: number;
  readonly bytes: number;
}

/** A numbered message with the time at which it is made. */
export function stampedMessage(number: number, bytes: number): Buffer<ArrayBuffer> {
  const message = Buffer.alloc(bytes, 'x');
  message.writeUInt32BE(number);
  message.writeDoubleBE(machineNow(), NUMBER_BYTES);
  return message;
}

/** Sends numbered messages, from 0 on, in steps of a timer's tick. */
export async function sendStamped(
  { count, perSecond, bytes }: StampedPlan,
  send: (message: Buffer<ArrayBuffer>) => void,
): Promise<void> {
  const since = machineNow();
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.floor(((machineNow() - since) * perSecond) / 1000) + 1);
    for (; sent < due; sent++) send(stampedMessage(sent, bytes));
    await sleep(1);
  }
}

/** What has come to one subscriber. */
export interface Arrived {
  readonly count: number;
  /** Milliseconds from sending to arrival. */
  readonly delays: readonly number[];
  /** What was wrong first; null: nothing */
  readonly fault: string | null;
}

/** What comes to one subscriber: numbered messages, each of which has to come once, and in order where that is promised. */
export class Arrivals {
  readonly #inOrder: boolean;
  #seen = new Set<number>();
  #delays: number[] = [];
  #fault: string | null = null;

  constructor(inOrder: boolean) {
    this.#inOrder = inOrder;
  }

  get count(): number {
    return this.#delays.length;
  }

  add(message: Uint8Array): void {
    const { buffer, byteOffset, length } = message;
    if (length < STAMP_BYTES) throw new Error('a message without a stamp');
    const view = new DataView(buffer, byteOffset);
    const number = view.getUint32(0);
    if (this.#seen.has(number)) this.#fault ??= `message ${number} again`;
    else if (this.#inOrder && number !== this.count) this.#fault ??= `message ${number} instead of ${this.count}`;
    this.#seen.add(number);
    this.#delays.push(machineNow() - view.getFloat64(NUMBER_BYTES));
  }

  /** Since the last call; numbers begin anew. */
  take(): Arrived {
    const arrived = { count: this.count, delays: this.#delays, fault: this.#fault };
    this.#seen = new Set();
    this.#delays = [];
    this.#fault = null;
    return arrived;
  }
}

/** @throws if something was wrong, or less came than was sent */
export function requireAll(arrived: readonly Arrived[], sent: number): void {
  for (const [index, { count, fault }] of arrived.entries()) {
    if (fault !== null) throw new Error(`subscriber ${index}: ${fault}`);
    if (count !== sent) throw new Error(`subscriber ${index}: ${count} messages of ${sent}`);
  }
}
