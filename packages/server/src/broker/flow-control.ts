import type { Turn, TurnTask } from '../lib/turn.ts';

/** A connection whose PUBLISH packets wait until the node has room again. */
export interface WaitingPublisher {
  /** Handles what was set aside; may find the gate closed again and wait anew. */
  resumePublishing(): void;
}

/** A connection whose outbound bytes are counted here. */
export interface StalledReceiver {
  /** Clock milliseconds since when it has taken nothing. */
  readonly lastProgressMs: number;
  /** Closes it at once, to free what it holds. */
  closeStalled(): void;
}

/**
 * The node's account of outbound bytes, and the gate in front of publishers.
 *
 * Bytes for receivers that read are *held*: above the high-water mark publishers wait, below the low-water mark
 * they go on. Bytes for receivers that take nothing are *stalled*, counted apart: nobody waits for a receiver that
 * may never read again, which is also why a publisher that is itself such a receiver cannot deadlock. Stalled bytes have
 * a bound of their own; past it the receiver stalled longest is closed.
 */
export class FlowControl implements TurnTask {
  /** True while PUBLISH packets must wait. Read on every PUBLISH. */
  closed = false;
  heldBytes = 0;
  stalledBytes = 0;
  readonly #highWaterBytes: number;
  readonly #lowWaterBytes: number;
  readonly #maxStalledBytes: number;
  readonly #waiting = new Set<WaitingPublisher>();
  readonly #stalled = new Set<StalledReceiver>();
  readonly #turn: Turn;
  readonly #stallStuck: () => void;
  #scheduled = false;

  /** @param stallStuck calls `stall` for receivers that have taken nothing for a moment; asked before the gate closes */
  constructor(
    options: { highWaterBytes: number; lowWaterBytes: number; maxStalledBytes: number },
    turn: Turn,
    stallStuck: () => void,
  ) {
    this.#stallStuck = stallStuck;
    this.#turn = turn;
    this.#highWaterBytes = options.highWaterBytes;
    this.#lowWaterBytes = options.lowWaterBytes;
    this.#maxStalledBytes = options.maxStalledBytes;
  }

  get waitingPublishers(): number {
    return this.#waiting.size;
  }

  hold(bytes: number): void {
    this.heldBytes += bytes;
    if (this.heldBytes <= this.#highWaterBytes || this.closed) return;
    // Publishers wait for receivers that are slow, not for those that are stuck.
    this.#stallStuck();
    if (this.heldBytes > this.#highWaterBytes) this.closed = true;
  }

  release(bytes: number): void {
    this.heldBytes -= bytes;
    // At the end of the turn: whoever releases may be in the middle of a publisher's packets.
    if (this.closed && this.heldBytes <= this.#lowWaterBytes) this.#schedule();
  }

  /** More bytes for a receiver that is already stalled. */
  holdStalled(bytes: number): void {
    this.stalledBytes += bytes;
    // At the end of the turn: whoever holds may be in the middle of a packet, and a close brings a will with it.
    if (this.stalledBytes > this.#maxStalledBytes) this.#schedule();
  }

  /** Moves a receiver's bytes from held to stalled. */
  stall(receiver: StalledReceiver, bytes: number): void {
    this.#stalled.add(receiver);
    this.release(bytes);
    this.holdStalled(bytes);
  }

  /** A stalled receiver is gone, with its bytes. */
  forgetStalled(receiver: StalledReceiver, bytes: number): void {
    this.#stalled.delete(receiver);
    this.stalledBytes -= bytes;
  }

  /** Moves them back: it reads again. */
  unstall(receiver: StalledReceiver, bytes: number): void {
    this.forgetStalled(receiver, bytes);
    this.hold(bytes);
  }

  wait(publisher: WaitingPublisher): void {
    this.#waiting.add(publisher);
  }

  forget(publisher: WaitingPublisher): void {
    this.#waiting.delete(publisher);
  }

  /** Closes receivers until stalled bytes are in bounds; lets publishers go on, oldest first, until the gate closes again. */
  endOfTurn(): void {
    this.#scheduled = false;
    while (this.stalledBytes > this.#maxStalledBytes && this.#closeLongestStalled());
    if (!this.closed || this.heldBytes > this.#lowWaterBytes) return;
    this.closed = false;
    for (const publisher of this.#waiting) {
      if (this.closed) break;
      this.#waiting.delete(publisher);
      publisher.resumePublishing();
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turn.atEnd(this);
  }

  #closeLongestStalled(): boolean {
    let longest: StalledReceiver | null = null;
    for (const receiver of this.#stalled) {
      if (longest === null || receiver.lastProgressMs < longest.lastProgressMs) longest = receiver;
    }
    if (longest === null) return false;
    this.#stalled.delete(longest);
    longest.closeStalled();
    return true;
  }
}
