import type { Clock, Timer } from '../lib/clock.ts';
import { Fifo } from '../lib/fifo.ts';
import { costOf, countOf, type MeshSend } from './mesh-send.ts';

export interface TopicQueueLimits {
  /** Of one topic. */
  readonly maxMessages: number;
  /** Of all together. */
  readonly maxBytes: number;
  /** Of all together. */
  readonly maxTopics: number;
  readonly maxWaitMs: number;
}

interface Waiting {
  readonly send: MeshSend;
  readonly sinceMs: number;
}

export interface TopicQueueListing {
  readonly realm: string;
  readonly topic: string;
  readonly messages: number;
  /** Of the message that waits for longest. */
  readonly ageMs: number;
}

/** Messages of one topic that wait until it is known who wants them beyond the cluster. */
export class TopicQueue {
  readonly realm: string;
  readonly topic: string;
  readonly waiting = new Fifo<Waiting>();
  messages = 0;
  /** Clusters that have got everything that is here, and get at once what comes. */
  readonly reached = new Set<string>();

  constructor(realm: string, topic: string) {
    this.realm = realm;
    this.topic = topic;
  }

  /** Oldest first. */
  *sends(): Iterable<MeshSend> {
    for (let left = this.waiting.length; left > 0; left--) {
      const waiting = this.waiting.shift()!;
      this.waiting.push(waiting);
      yield waiting.send;
    }
  }
}

/** The queues of topics, within bounds on time, number and bytes. */
export class TopicQueues {
  bytes = 0;
  readonly #limits: TopicQueueLimits;
  readonly #clock: Clock;
  readonly #timedOut: (queue: TopicQueue, send: MeshSend) => void;
  /** By realm, then topic; in order of the oldest message within a realm. */
  readonly #realms = new Map<string, Map<string, TopicQueue>>();
  #topics = 0;
  #timer: Timer | null = null;

  /** @param timedOut a message has waited for too long, and is out of the queue */
  constructor(limits: TopicQueueLimits, clock: Clock, timedOut: (queue: TopicQueue, send: MeshSend) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#timedOut = timedOut;
  }

  get size(): number {
    return this.#topics;
  }

  get messages(): number {
    let count = 0;
    for (const topics of this.#realms.values()) for (const { messages } of topics.values()) count += messages;
    return count;
  }

  list(): TopicQueueListing[] {
    const nowMs = this.#clock.now();
    const all: TopicQueueListing[] = [];
    for (const topics of this.#realms.values()) {
      for (const { realm, topic, messages, waiting } of topics.values()) {
        all.push({ realm, topic, messages, ageMs: nowMs - (waiting.peek()?.sinceMs ?? nowMs) });
      }
    }
    return all;
  }

  find(realm: string, topic: string): TopicQueue | null {
    if (this.#topics === 0) return null;
    return this.#realms.get(realm)?.get(topic) ?? null;
  }

  /** Those of a realm, as they are now. */
  ofRealm(realm: string): readonly TopicQueue[] {
    return [...(this.#realms.get(realm)?.values() ?? [])];
  }

  /** Whether there is room for one more message of a topic. */
  hasRoom(realm: string, topic: string, bytes: number): boolean {
    const { maxMessages, maxBytes, maxTopics } = this.#limits;
    if (this.bytes + bytes > maxBytes) return false;
    const queue = this.find(realm, topic);
    return queue === null ? this.#topics < maxTopics : queue.messages < maxMessages;
  }

  add(send: MeshSend): TopicQueue {
    const queue = this.find(send.realm, send.topic) ?? this.#create(send.realm, send.topic);
    queue.waiting.push({ send, sinceMs: this.#clock.now() });
    queue.messages += countOf(send);
    this.bytes += costOf(send);
    this.#timer ??= this.#clock.setTimeout(() => this.#expire(), this.#limits.maxWaitMs);
    return queue;
  }

  /** Takes the oldest out, to make room. */
  shift(queue: TopicQueue): MeshSend | null {
    const waiting = queue.waiting.shift();
    if (waiting === undefined) return null;
    queue.messages -= countOf(waiting.send);
    this.bytes -= costOf(waiting.send);
    return waiting.send;
  }

  /** The queue is not needed any more. @returns what was in it, oldest first */
  end(queue: TopicQueue): MeshSend[] {
    const topics = this.#realms.get(queue.realm);
    if (topics?.get(queue.topic) !== queue) return [];
    topics.delete(queue.topic);
    if (topics.size === 0) this.#realms.delete(queue.realm);
    this.#topics--;
    const sends: MeshSend[] = [];
    for (let send = this.shift(queue); send !== null; send = this.shift(queue)) sends.push(send);
    return sends;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #create(realm: string, topic: string): TopicQueue {
    let topics = this.#realms.get(realm);
    if (topics === undefined) {
      topics = new Map();
      this.#realms.set(realm, topics);
    }
    const queue = new TopicQueue(realm, topic);
    topics.set(topic, queue);
    this.#topics++;
    return queue;
  }

  #expire(): void {
    this.#timer = null;
    const before = this.#clock.now() - this.#limits.maxWaitMs;
    let oldest = Number.POSITIVE_INFINITY;
    for (const topics of [...this.#realms.values()]) {
      for (const queue of [...topics.values()]) {
        let waiting = queue.waiting.peek();
        for (; waiting !== undefined && waiting.sinceMs <= before; waiting = queue.waiting.peek()) {
          this.shift(queue);
          this.#timedOut(queue, waiting.send);
        }
        if (waiting === undefined) this.end(queue);
        else oldest = Math.min(oldest, waiting.sinceMs);
      }
    }
    if (this.#topics > 0) this.#timer ??= this.#clock.setTimeout(() => this.#expire(), Math.max(1, oldest - before));
  }
}
