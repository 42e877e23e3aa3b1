import type { MessageRecord, Receipt, SubscriptionRecord } from '../history/ledger.ts';
import { Invariant } from '../invariants/invariant.ts';
import type { MeshWorld } from './mesh-world.ts';

/** A subscription counts if it was granted so long before a message was sent, and is there so long after. */
const BEFORE_MS = 1_000;
const AFTER_MS = 10_000;
const LOOK_AT_LINKS_EVERY_S = 30;

export interface MeshFigures {
  readonly nodes: number;
  readonly messages: number;
  /** Messages times subscribers on other nodes to whom they had to come. */
  readonly expected: number;
  readonly delivered: number;
  /** The same of nodes that had been up for a minute, both of them. */
  readonly expectedOfSettled: number;
  readonly deliveredOfSettled: number;
  readonly findsPerPublish: number;
  readonly findsPerNodeMinute: number;
  readonly providesPerNodeMinute: number;
  readonly hops: number;
  readonly requestsPerWalk: number;
  readonly linksPerNode: number;
  readonly mostLinks: number;
  /** Per second. */
  readonly linkBytesPerNode: number;
  readonly directoryBytesPerNode: number;
  /** Virtual milliseconds from publishing to arriving. */
  readonly firstMs: { readonly p50: number; readonly p99: number };
  readonly laterMs: { readonly p50: number; readonly p99: number };
}

/** For the matching of one topic: subscriptions up to a place in the ledger. */
interface TopicSubscriptions {
  upTo: number;
  records: SubscriptionRecord[];
}

const SETTLED_MS = 60_000;

/** Watches what becomes of messages in a mesh, from when it is told to begin. */
export class MeshMeasures {
  readonly #world: MeshWorld;
  readonly #byTopic = new Map<string, TopicSubscriptions>();
  /** Publisher's connection and topic → its first message. */
  readonly #firsts = new Map<string, number>();
  readonly #firstMs: number[] = [];
  readonly #laterMs: number[] = [];
  readonly #links: number[] = [];
  #seen = 0;
  #judged = 0;
  #from = Number.POSITIVE_INFINITY;
  #until = Number.POSITIVE_INFINITY;
  #seconds = 0;
  #totals = { messages: 0, expected: 0, delivered: 0, expectedOfSettled: 0, deliveredOfSettled: 0 };
  #before = { network: 0, directory: 0, finds: 0, provides: 0, walks: 0, hops: 0, asked: 0 };

  constructor(world: MeshWorld) {
    this.#world = world;
  }

  begin(): void {
    this.#from = this.#world.time.now;
    this.#before = this.#counters();
  }

  everySecond(): void {
    this.#judge();
    if (++this.#seconds % LOOK_AT_LINKS_EVERY_S !== 0 || this.#world.time.now < this.#from) return;
    for (const { running } of this.#world.nodes) {
      if (running !== null) this.#links.push(running.view.links().filter(({ state }) => state === 'up').length);
    }
  }

  received({ message, connection }: Receipt): void {
    this.#noteFirsts();
    const { now } = this.#world.time;
    if (message.sent.at < this.#from || connection.life === message.connection.life) return;
    const isOld = connection.subscriptions.some(
      ({ granted, plain }) =>
        granted !== null &&
        granted.at + BEFORE_MS <= message.sent.at &&
        this.#world.history.matches(plain, message.topic),
    );
    if (!isOld) return;
    const isFirst = this.#firsts.get(`${message.connection.number} ${message.topic}`) === message.id;
    (isFirst ? this.#firstMs : this.#laterMs).push(now - message.sent.at);
  }

  /** Nothing is on its way any more. */
  end(): MeshFigures {
    this.#until = this.#world.time.now;
    this.#judge();
    const { scenario } = this.#world;
    const [now, was, { messages }] = [this.#counters(), this.#before, this.#totals];
    const seconds = (this.#until - this.#from) / 1000;
    const perNodeMinute = (count: number): number => count / scenario.nodes / (seconds / 60);
    const walks = Math.max(1, now.walks - was.walks);
    const all = Math.max(1, this.#links.length);
    return {
      nodes: scenario.nodes,
      ...this.#totals,
      findsPerPublish: (now.finds - was.finds) / Math.max(1, messages),
      findsPerNodeMinute: perNodeMinute(now.finds - was.finds),
      providesPerNodeMinute: perNodeMinute(now.provides - was.provides),
      hops: (now.hops - was.hops) / walks,
      requestsPerWalk: (now.asked - was.asked) / walks,
      linksPerNode: this.#links.reduce((sum, count) => sum + count, 0) / all,
      mostLinks: this.#links.reduce((most, count) => Math.max(most, count), 0),
      linkBytesPerNode: (now.network - was.network) / scenario.nodes / seconds,
      directoryBytesPerNode: (now.directory - was.directory) / scenario.nodes / seconds,
      firstMs: quantiles(this.#firstMs),
      laterMs: quantiles(this.#laterMs),
    };
  }

  #counters() {
    const { network, directory } = this.#world;
    const { finds, provides, walks, hops, asked } = directory.counts;
    return { network: network.bytes, directory: directory.bytes, finds, provides, walks, hops, asked };
  }

  #noteFirsts(): void {
    const { messages } = this.#world.history.ledger;
    for (; this.#seen < messages.length; this.#seen++) {
      const message = messages[this.#seen]!;
      const line = `${message.connection.number} ${message.topic}`;
      if (!this.#firsts.has(line)) this.#firsts.set(line, message.id);
    }
  }

  /** Messages that are old enough that all of them has arrived. */
  #judge(): void {
    const { messages } = this.#world.history.ledger;
    const before = this.#world.time.now - AFTER_MS;
    for (; this.#judged < messages.length && messages[this.#judged]!.sent.at <= before; this.#judged++) {
      const message = messages[this.#judged]!;
      if (message.sent.at >= this.#from) this.#judgeOne(message);
    }
  }

  #judgeOne(message: MessageRecord): void {
    const totals = this.#totals;
    const { at } = message.sent;
    const publisher = message.connection.life;
    // A publisher that dies takes along what it had not sent yet.
    if (publisher.ended !== null && publisher.ended.at < at + AFTER_MS) return;
    totals.messages++;
    const counted = new Set<number>();
    for (const { granted, until, connection } of this.#subscriptions(message)) {
      const { life, number } = connection;
      if (granted === null || granted.at + BEFORE_MS > at || counted.has(number) || life === publisher) continue;
      if ([until, connection.gone, life.ended].some((end) => end !== null && end.at <= at + AFTER_MS)) continue;
      counted.add(number);
      const isSettled = Math.max(granted.at, life.started.at, publisher.started.at) + SETTLED_MS <= at;
      const isDelivered = message.receivedBy.has(number);
      totals.expected++;
      if (isDelivered) totals.delivered++;
      if (isSettled) totals.expectedOfSettled++;
      if (isSettled && isDelivered) totals.deliveredOfSettled++;
    }
  }

  #subscriptions({ realm, topic }: MessageRecord): readonly SubscriptionRecord[] {
    const { history } = this.#world;
    const { subscriptions } = history.ledger;
    const key = `${realm} ${topic}`;
    const known = this.#byTopic.get(key) ?? { upTo: 0, records: [] };
    this.#byTopic.set(key, known);
    for (; known.upTo < subscriptions.length; known.upTo++) {
      const record = subscriptions[known.upTo]!;
      if (record.connection.realm === realm && history.matches(record.plain, topic)) known.records.push(record);
    }
    const longAgo = this.#world.time.now - 10 * AFTER_MS;
    known.records = known.records.filter(({ until }) => until === null || until.at > longAgo);
    return known.records;
  }
}

/** Hands receipts to the measures: they see what invariants see. */
export class Watch extends Invariant {
  readonly name = 'measures';
  measures: MeshMeasures | null = null;

  override onReceived(receipt: Receipt): void {
    this.measures?.received(receipt);
  }
}

/** NaN: there are no values. */
function quantiles(values: number[]): { p50: number; p99: number } {
  values.sort((a, b) => a - b);
  const at = (share: number): number => values[Math.floor(values.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
