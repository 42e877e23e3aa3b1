import type { Message } from '../broker/message.ts';
import type { Realms } from '../broker/realm.ts';
import type { RetainedStore } from '../broker/retained-store.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Turn, TurnTask } from '../lib/turn.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import { WireError, WireReader, writeInteger } from '../peer/wire-bytes.ts';
import { encodeMessage, NO_BYTES, NOBODY, NOBODY_WAITS } from './message-frames.ts';
import type { RetainedEntry, RetainedReplica } from './retained-replica.ts';
import { tombstone } from './tombstone.ts';

/** How often the sum of everything is told. */
const TOTAL_INTERVAL_MS = 2000;
/** Of one turn of the event loop, for one link. */
const ENTRIES_PER_TURN = 100;
/** A link that has more than this to send already gets nothing of ours for now. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;
/** How soon it is looked at again. */
const PAUSE_MS = 20;
const MAX_INTEGER_BYTES = 8;

export interface RetainedSyncParts {
  readonly replica: RetainedReplica;
  readonly store: RetainedStore;
  readonly realms: Realms;
  readonly clock: Clock;
  readonly turn: Turn;
  links(): Iterable<Link>;
}

/** A part of all topics in which two nodes differed: the sums on both. */
interface Difference {
  readonly own: number;
  readonly theirs: number;
}

/**
 * Tells other nodes the retained messages that they have missed. Two nodes compare sums over parts of all topics when they meet; each gives
 * the other what it has in the parts that differ, and the later message of a topic wins on both. From then on they tell each other one sum
 * over everything. Where it differs they compare the parts again: one that differs in the same way twice has missed something; one that
 * differs otherwise has messages on their way.
 */
export class RetainedSync {
  readonly #parts: RetainedSyncParts;
  readonly #sending = new Map<Link, Sending>();
  /** Those whose digest was answered with ours since the last round. */
  readonly #answered = new Set<Link>();
  /** Those that were not compared since they are up. */
  readonly #fresh = new Set<Link>();
  /** How each differed in this round, and in the one before. */
  #differences = new Map<Link, ReadonlyMap<number, Difference>>();
  #earlier: ReadonlyMap<Link, ReadonlyMap<number, Difference>> = new Map();
  #timer: Timer | null = null;

  constructor(parts: RetainedSyncParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = this.#parts.clock.setInterval(() => {
      this.#parts.replica.tidy();
      this.#answered.clear();
      this.#earlier = this.#differences;
      this.#differences = new Map();
      const total = integersOf([this.#parts.replica.total]);
      for (const link of this.#parts.links()) link.control(FrameType.RetainedDigest, total);
    }, TOTAL_INTERVAL_MS);
  }

  stop(): void {
    this.#timer?.cancel();
    for (const sending of this.#sending.values()) sending.stop();
  }

  /** Or goes on over another channel. */
  onUp(link: Link): void {
    this.#fresh.add(link);
    this.#tell(link);
  }

  onClosed(link: Link): void {
    this.#sending.get(link)?.stop();
    this.#sending.delete(link);
    this.#answered.delete(link);
    this.#fresh.delete(link);
  }

  onDigest(link: Link, buffer: Uint8Array, start: number, end: number): void {
    try {
      this.#compare(link, new WireReader(buffer, start, end));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      link.close('bad_frame', error.message);
    }
  }

  #tell(link: Link): void {
    link.control(FrameType.RetainedDigest, integersOf(this.#parts.replica.digests()));
  }

  /** @throws {WireError} for what is no digest */
  #compare(link: Link, reader: WireReader): void {
    const { replica } = this.#parts;
    const first = reader.integer();
    if (reader.left === 0) {
      if (first !== replica.total) this.#tell(link);
      return;
    }
    const differences = new Map<number, Difference>();
    for (const [bucket, own] of replica.digests().entries()) {
      const theirs = bucket === 0 ? first : reader.integer();
      if (theirs !== own) differences.set(bucket, { own, theirs });
    }
    const isFresh = this.#fresh.delete(link);
    this.#differences.set(link, differences);
    if (differences.size === 0) return;
    // So that the other end, too, tells what this one has missed. Once a round: two that cannot agree must not ask each other for ever.
    if (!this.#answered.has(link)) {
      this.#answered.add(link);
      this.#tell(link);
    }
    const earlier = isFresh ? null : this.#earlier.get(link);
    const differing = [...differences.keys()].filter(
      (bucket) => earlier === null || isStuck(differences.get(bucket)!, earlier?.get(bucket)),
    );
    if (differing.length === 0 || this.#sending.has(link)) return;
    const sending = new Sending(this.#parts, link, differing, () => this.#sending.delete(link));
    this.#sending.set(link, sending);
    sending.begin();
  }
}

function isStuck(now: Difference, before: Difference | undefined): boolean {
  return before !== undefined && before.own === now.own && before.theirs === now.theirs;
}

function integersOf(values: readonly number[]): Uint8Array {
  const out = Buffer.allocUnsafe(values.length * MAX_INTEGER_BYTES);
  let at = 0;
  for (const value of values) at = writeInteger(out, at, value);
  return out.subarray(0, at);
}

/** What one node is being told. */
class Sending implements TurnTask {
  readonly #parts: RetainedSyncParts;
  readonly #link: Link;
  readonly #entries: Iterator<RetainedEntry>;
  readonly #done: () => void;
  #pause: Timer | null = null;
  #stopped = false;

  constructor(parts: RetainedSyncParts, link: Link, buckets: readonly number[], done: () => void) {
    this.#parts = parts;
    this.#link = link;
    this.#entries = entriesOf(parts.replica, buckets);
    this.#done = done;
  }

  begin(): void {
    this.#parts.turn.atEnd(this);
  }

  stop(): void {
    this.#stopped = true;
    this.#pause?.cancel();
  }

  endOfTurn(): void {
    if (this.#stopped) return;
    for (let i = 0; i < ENTRIES_PER_TURN && this.#hasRoom; i++) {
      const next = this.#entries.next();
      if (next.done === true) {
        this.#done();
        return;
      }
      this.#send(next.value);
    }
    if (this.#hasRoom) this.#parts.turn.atEnd(this);
    else this.#pause = this.#parts.clock.setTimeout(() => this.endOfTurn(), PAUSE_MS);
  }

  /** Not so much that publishers have to wait for it. */
  get #hasRoom(): boolean {
    return !this.#link.isFull && this.#link.heldBytes < MAX_HELD_BYTES;
  }

  #send(entry: RetainedEntry): void {
    const message = this.#messageOf(entry);
    if (message === null) return;
    const { publisher } = message;
    const envelope = { portion: NOBODY, sequence: 0, stamp: entry.stamp, publisher, head: NO_BYTES };
    const frame = encodeMessage(entry.realm, message, envelope, this.#parts.clock.wallMs());
    this.#link.held(FrameType.Message, frame, NO_BYTES, NOBODY_WAITS, 0);
  }

  /** null: there was no room for it, or its time has run out. */
  #messageOf({ realm, topic, state }: RetainedEntry): Message | null {
    if (state === 'deleted') return tombstone(this.#parts.realms.get(realm), topic);
    const message = this.#parts.store.get(realm, topic);
    return message !== null && message.expiresAtMs > this.#parts.clock.wallMs() ? message : null;
  }
}

function* entriesOf(replica: RetainedReplica, buckets: readonly number[]): Generator<RetainedEntry> {
  for (const bucket of buckets) yield* replica.bucket(bucket);
}
