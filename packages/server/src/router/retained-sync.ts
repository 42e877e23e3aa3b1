import type { Message } from '../broker/message.ts';
import type { Realms } from '../broker/realm.ts';
import type { RetainedStore } from '../broker/retained-store.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Turn, TurnTask } from '../lib/turn.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link, Obligations } from '../peer/link-ports.ts';
import { WireReader, writeInteger } from '../peer/wire-bytes.ts';
import { encodeMessage, NOBODY } from './message-frames.ts';
import { BUCKETS, type RetainedEntry, type RetainedReplica } from './retained-replica.ts';
import { tombstone } from './tombstone.ts';

const DIGEST_INTERVAL_MS = 10_000;
/** Of one turn of the event loop, for one link. */
const ENTRIES_PER_TURN = 100;
/** A link that has more than this to send already gets nothing of ours for now. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;
/** How soon it is looked at again. */
const PAUSE_MS = 20;
const MAX_INTEGER_BYTES = 8;
const NO_BYTES = new Uint8Array(0);
const NOBODY_WAITS: Obligations = { meet: () => {} };

export interface RetainedSyncParts {
  readonly replica: RetainedReplica;
  readonly store: RetainedStore;
  readonly realms: Realms;
  readonly clock: Clock;
  readonly turn: Turn;
  links(): Iterable<Link>;
}

/**
 * Tells other nodes the retained messages that they have missed. Two nodes compare sums over parts of all topics, when they meet and now and
 * then; each gives the other what it has in the parts that differ, and the later message of a topic wins on both.
 */
export class RetainedSync {
  readonly #parts: RetainedSyncParts;
  readonly #sending = new Map<Link, Sending>();
  #timer: Timer | null = null;

  constructor(parts: RetainedSyncParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = this.#parts.clock.setInterval(() => {
      this.#parts.replica.tidy();
      for (const link of this.#parts.links()) this.onUp(link);
    }, DIGEST_INTERVAL_MS);
  }

  stop(): void {
    this.#timer?.cancel();
    for (const sending of this.#sending.values()) sending.stop();
  }

  onUp(link: Link): void {
    const out = Buffer.allocUnsafe(BUCKETS * MAX_INTEGER_BYTES);
    let at = 0;
    for (const digest of this.#parts.replica.digests()) at = writeInteger(out, at, digest);
    link.control(FrameType.RetainedDigest, out.subarray(0, at));
  }

  onClosed(link: Link): void {
    this.#sending.get(link)?.stop();
    this.#sending.delete(link);
  }

  /** @throws {WireError} for what is no digest */
  onDigest(link: Link, buffer: Uint8Array, start: number, end: number): void {
    const reader = new WireReader(buffer, start, end);
    const differing: number[] = [];
    for (const [bucket, own] of this.#parts.replica.digests().entries()) {
      if (reader.integer() !== own) differing.push(bucket);
    }
    // What is still on its way makes the sums differ too, and is through sooner than it would be sent again.
    if (differing.length === 0 || this.#sending.has(link)) return;
    const sending = new Sending(this.#parts, link, differing, () => this.#sending.delete(link));
    this.#sending.set(link, sending);
    sending.begin();
  }
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
    for (let i = 0; i < ENTRIES_PER_TURN && this.#link.heldBytes < MAX_HELD_BYTES; i++) {
      const next = this.#entries.next();
      if (next.done === true) {
        this.#done();
        return;
      }
      this.#send(next.value);
    }
    if (this.#link.heldBytes < MAX_HELD_BYTES) this.#parts.turn.atEnd(this);
    else this.#pause = this.#parts.clock.setTimeout(() => this.endOfTurn(), PAUSE_MS);
  }

  #send(entry: RetainedEntry): void {
    if (entry.state === 'absent') return;
    const message = this.#messageOf(entry);
    if (message === null) {
      this.#parts.replica.expired(entry);
      return;
    }
    const frame = encodeMessage(entry.realm, message, NOBODY, 0, entry.stamp, this.#parts.clock.wallMs());
    this.#link.held(FrameType.Message, frame, NO_BYTES, NOBODY_WAITS, 0);
  }

  #messageOf({ realm, topic, state }: RetainedEntry): Message | null {
    if (state === 'deleted') return tombstone(this.#parts.realms.get(realm), topic);
    const message = this.#parts.store.get(realm, topic);
    return message !== null && message.expiresAtMs > this.#parts.clock.wallMs() ? message : null;
  }
}

function* entriesOf(replica: RetainedReplica, buckets: readonly number[]): Generator<RetainedEntry> {
  for (const bucket of buckets) yield* replica.bucket(bucket);
}
