import { topicMatches } from '@plexus/protocol';

const MAX_FAULTS = 20;

interface Sent {
  readonly sentMs: number;
  /** NaN: it was not acknowledged, or was refused. */
  acknowledgedMs: number;
}

/** A time in which nothing is promised to, or from, a node. */
interface Fault {
  readonly node: number;
  readonly fromMs: number;
  toMs: number;
}

/** What one connection publishes on one topic, numbered from 0. */
export class MeshFlow {
  readonly id: string;
  readonly realm: string;
  readonly topic: string;
  /** Number of the node that it is published on. */
  readonly node: number;
  readonly sent: Sent[] = [];
  /** From then on its publisher's node has found everybody; NaN: it may still be looking. */
  readyMs = Number.NaN;

  constructor(id: string, realm: string, topic: string, node: number) {
    this.id = id;
    this.realm = realm;
    this.topic = topic;
    this.node = node;
  }

  get isAcknowledged(): boolean {
    return this.sent.some(({ acknowledgedMs }) => !Number.isNaN(acknowledgedMs));
  }

  /** @returns the payload of the next message */
  next(): string {
    return `${this.id} ${this.sent.push({ sentMs: performance.now(), acknowledgedMs: Number.NaN }) - 1}`;
  }
}

/** One connection with one filter. */
export class MeshReceiver {
  readonly id: string;
  readonly realm: string;
  readonly filter: string;
  readonly node: number;
  /** From then on it gets everything; NaN: it is not known everywhere yet. */
  readyMs = Number.NaN;
  /** No longer promised anything. */
  endMs = Number.POSITIVE_INFINITY;
  count = 0;
  readonly faults: string[] = [];
  readonly #flows: ReadonlyMap<string, MeshFlow>;
  readonly #got = new Map<string, { readonly numbers: Set<number>; last: number }>();

  constructor(
    flows: ReadonlyMap<string, MeshFlow>,
    { id, realm, filter, node }: Pick<MeshReceiver, 'id' | 'realm' | 'filter' | 'node'>,
  ) {
    this.#flows = flows;
    this.id = id;
    this.realm = realm;
    this.filter = filter;
    this.node = node;
  }

  receive(payload: string): void {
    const [flowId = '', text = ''] = payload.split(' ');
    const number = Number(text);
    const flow = this.#flows.get(flowId);
    if (flow?.sent[number] === undefined) return void this.#fault(`got ${payload}, which nobody has sent`);
    if (!this.wants(flow)) return void this.#fault(`got ${payload} of ${flow.topic} in ${flow.realm}`);
    this.count++;
    const got = this.#got.get(flowId) ?? { numbers: new Set<number>(), last: -1 };
    this.#got.set(flowId, got);
    if (got.numbers.has(number)) this.#fault(`got ${payload} twice`);
    else if (number < got.last) this.#fault(`got ${payload} after ${got.last}`);
    got.last = Math.max(got.last, number);
    got.numbers.add(number);
  }

  wants({ realm, topic }: MeshFlow): boolean {
    return realm === this.realm && topicMatches(this.filter, topic);
  }

  has({ id }: MeshFlow, number: number): boolean {
    return this.#got.get(id)?.numbers.has(number) ?? false;
  }

  #fault(what: string): void {
    if (this.faults.length < MAX_FAULTS)
      this.faults.push(`${this.id} with ${this.filter} on node ${this.node} ${what}`);
  }
}

/**
 * Who sent what, and who got what. Nothing may come twice, swapped, or to whom it is not for; what was acknowledged has to be with everybody
 * who was there all the time: also when another node of the same cluster was not.
 */
export class MeshLedger {
  readonly flows = new Map<string, MeshFlow>();
  readonly receivers: MeshReceiver[] = [];
  /** Deliveries that were looked at, by the last `faults`. */
  required = 0;
  /** Those that nobody has promised: because of a fault at the time, or because they went out while a busy machine was still looking. */
  excused = 0;
  readonly #faults: Fault[] = [];

  flow(realm: string, topic: string, node: number): MeshFlow {
    const flow = new MeshFlow(`f${this.flows.size}`, realm, topic, node);
    this.flows.set(flow.id, flow);
    return flow;
  }

  receiver(options: Omit<ConstructorParameters<typeof MeshReceiver>[1], 'id'>): MeshReceiver {
    const receiver = new MeshReceiver(this.flows, { ...options, id: `r${this.receivers.length}` });
    this.receivers.push(receiver);
    return receiver;
  }

  /** @returns to be called with the time at which it is over */
  disturbed(node: number): (toMs: number) => void {
    const fault: Fault = { node, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
    this.#faults.push(fault);
    return (toMs) => {
      fault.toMs = toMs;
    };
  }

  /** Everything that is wrong; empty: nothing. */
  faults(): string[] {
    this.required = 0;
    this.excused = 0;
    const faults: string[] = [];
    for (const receiver of this.receivers) {
      faults.push(...receiver.faults);
      for (const flow of this.flows.values()) if (receiver.wants(flow)) faults.push(...this.#missing(receiver, flow));
    }
    return faults;
  }

  #missing(receiver: MeshReceiver, flow: MeshFlow): string[] {
    const missing: number[] = [];
    for (const [number, sent] of flow.sent.entries()) {
      const { sentMs, acknowledgedMs } = sent;
      if (Number.isNaN(acknowledgedMs) || !(sentMs >= receiver.readyMs) || acknowledgedMs > receiver.endMs) continue;
      if (!(sentMs >= flow.readyMs) || this.#wasDisturbed(flow.node, sent) || this.#wasDisturbed(receiver.node, sent)) {
        this.excused++;
        continue;
      }
      this.required++;
      if (!receiver.has(flow, number)) missing.push(number);
    }
    if (missing.length === 0) return [];
    const first = flow.sent[missing[0]!]!;
    return [
      `${receiver.id} with ${receiver.filter} in ${receiver.realm} on node ${receiver.node} (ready at ${receiver.readyMs.toFixed()}) misses ${missing.length} of ${flow.sent.length} of ${flow.id} on ${flow.topic} from node ${flow.node}: ${missing.slice(0, 10).join(', ')}; the first sent at ${first.sentMs.toFixed()} and acknowledged at ${first.acknowledgedMs.toFixed()}`,
    ];
  }

  #wasDisturbed(node: number, { sentMs, acknowledgedMs }: Sent): boolean {
    return this.#faults.some((fault) => fault.node === node && sentMs <= fault.toMs && acknowledgedMs >= fault.fromMs);
  }
}
