/** Part of what a fault cost, in times of the process under test's clock (milliseconds). */
interface Parted {
  readonly a: number;
  /** null: from all others. */
  readonly b: number | null;
  readonly fromMs: number;
  toMs: number;
}

interface Sent {
  readonly sentMs: number;
  /** NaN: was not acknowledged, or was refused. */
  acknowledgedMs: number;
  /** Its publisher has sent it again: it may come twice. */
  again: boolean;
}

const MAX_FAULTS = 20;

/** Messages of one publisher on one topic, numbered from 0. */
export class Flow {
  readonly id: string;
  /** Number of the node that it is published on. */
  readonly node: number;
  readonly sent: Sent[] = [];
  /** Numbers that were sent and have no answer, in order. */
  readonly open = new Set<number>();
  /** Answers with a reason that is an error. */
  refused = 0;
  acknowledged = 0;

  constructor(id: string, node: number) {
    this.id = id;
    this.node = node;
  }

  /** @returns the payload of the next message */
  next(nowMs: number): string {
    const number = this.sent.push({ sentMs: nowMs, acknowledgedMs: Number.NaN, again: false }) - 1;
    this.open.add(number);
    return `${this.id} ${number}`;
  }

  /** @returns the payload of a message that its publisher sends again */
  again(number: number): string {
    this.sent[number]!.again = true;
    return `${this.id} ${number}`;
  }

  answered(number: number, reason: number, nowMs: number): void {
    this.open.delete(number);
    if (reason >= 0x80) this.refused++;
    else {
      this.acknowledged++;
      this.sent[number]!.acknowledgedMs = nowMs;
    }
  }
}

/** One connection of a subscriber that wants every flow. */
export class Receiver {
  readonly id: string;
  readonly node: number;
  /** From when on all nodes know what it wants; NaN: they do not yet. */
  readyMs = Number.NaN;
  /** Its node went away, and it with it: nothing is promised. */
  ended = false;
  count = 0;
  duplicates = 0;
  readonly faults: string[] = [];
  readonly #got = new Map<string, { readonly numbers: Set<number>; last: number }>();
  readonly #flows: ReadonlyMap<string, Flow>;

  constructor(id: string, node: number, flows: ReadonlyMap<string, Flow>) {
    this.id = id;
    this.node = node;
    this.#flows = flows;
  }

  receive(payload: string): void {
    const [flowId = '', text = ''] = payload.split(' ');
    const number = Number(text);
    const sent = this.#flows.get(flowId)?.sent[number];
    if (sent === undefined) return void this.#fault(`got ${JSON.stringify(payload)}, which nobody has sent`);
    this.count++;
    const got = this.#got.get(flowId) ?? { numbers: new Set<number>(), last: -1 };
    this.#got.set(flowId, got);
    if (got.numbers.has(number)) {
      this.duplicates++;
      if (!sent.again) this.#fault(`got ${payload} twice`);
      return;
    }
    if (number < got.last) this.#fault(`got ${payload} after ${got.last}`);
    got.last = number;
    got.numbers.add(number);
  }

  has(flow: Flow, number: number): boolean {
    return this.#got.get(flow.id)?.numbers.has(number) ?? false;
  }

  #fault(what: string): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push(`${this.id} on node ${this.node} ${what}`);
  }
}

/** Who was told what, and who got what: nothing acknowledged may be missing, nothing may be swapped, nothing may come twice. */
export class Ledger {
  readonly flows = new Map<string, Flow>();
  readonly receivers: Receiver[] = [];
  readonly #parted: Parted[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  flow(id: string, node: number): Flow {
    const flow = new Flow(id, node);
    this.flows.set(id, flow);
    return flow;
  }

  receiver(id: string, node: number): Receiver {
    const receiver = new Receiver(id, node, this.flows);
    this.receivers.push(receiver);
    return receiver;
  }

  /**
   * From now on these two nodes need not know each other: what is acknowledged on one of them may miss those on the other.
   * @param b null: the first and all others
   * @returns to be called when they know each other again
   */
  part(a: number, b: number | null): () => void {
    const parted: Parted = { a, b, fromMs: this.#nowMs(), toMs: Number.POSITIVE_INFINITY };
    this.#parted.push(parted);
    return () => {
      parted.toMs = this.#nowMs();
    };
  }

  /** All that is subscribed now is known on all nodes. */
  allReady(): void {
    for (const receiver of this.receivers) if (Number.isNaN(receiver.readyMs)) receiver.readyMs = this.#nowMs();
  }

  get acknowledged(): number {
    let sum = 0;
    for (const flow of this.flows.values()) sum += flow.acknowledged;
    return sum;
  }

  get refused(): number {
    let sum = 0;
    for (const flow of this.flows.values()) sum += flow.refused;
    return sum;
  }

  /** Messages that a receiver has to have; for the count of what was really looked at. */
  required = 0;

  /** Everything that is wrong; empty: nothing. */
  faults(): string[] {
    this.required = 0;
    const faults: string[] = [];
    for (const receiver of this.receivers) {
      faults.push(...receiver.faults);
      if (receiver.ended) continue;
      for (const flow of this.flows.values()) faults.push(...this.#missing(receiver, flow));
    }
    return faults;
  }

  #missing(receiver: Receiver, flow: Flow): string[] {
    const missing: number[] = [];
    for (const [number, sent] of flow.sent.entries()) {
      if (Number.isNaN(sent.acknowledgedMs) || !(sent.sentMs >= receiver.readyMs)) continue;
      if (this.#wereParted(flow.node, receiver.node, sent)) continue;
      this.required++;
      if (!receiver.has(flow, number)) missing.push(number);
    }
    if (missing.length === 0) return [];
    const first = flow.sent[missing[0]!]!;
    const times = `the first sent at ${first.sentMs.toFixed()} and acknowledged at ${first.acknowledgedMs.toFixed()}`;
    const which = missing.slice(0, 10).join(', ');
    return [
      `${receiver.id} on node ${receiver.node} (ready at ${receiver.readyMs.toFixed()}) misses ${missing.length} of flow ${flow.id} on node ${flow.node}: ${which}; ${times}`,
    ];
  }

  #wereParted(publisher: number, subscriber: number, { sentMs, acknowledgedMs }: Sent): boolean {
    if (publisher === subscriber) return false;
    return this.#parted.some(({ a, b, fromMs, toMs }) => {
      const [isFirst, isSecond] = [a === publisher || a === subscriber, b === publisher || b === subscriber];
      return isFirst && (b === null || isSecond) && sentMs <= toMs && acknowledgedMs >= fromMs;
    });
  }
}
