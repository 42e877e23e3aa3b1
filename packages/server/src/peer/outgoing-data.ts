import { copyBytes } from '@plexus/protocol';
import { Fifo } from '../lib/fifo.ts';
import { FRAME_HEADER_BYTES } from './frame-reader.ts';
import { FrameType } from './frame-types.ts';
import { type FrameWriter, SHARE_FROM_BYTES } from './frame-writer.ts';
import type { HeldFrame, Obligations } from './link-ports.ts';
import { integerSize, WireError, type WireReader, writeInteger } from './wire-bytes.ts';

/** Bit 0 of the flags of a data frame. */
export const HELD_FLAG = 1;
export const FLAGS_BYTES = 1;
/** What a data frame has at most besides head and body: type, flags and its number. */
const MAX_DATA_HEADER_BYTES = 10;
/** Reason code of MQTT 5 for what the peer would not take: packet too large. */
const PACKET_TOO_LARGE = 0x95;

const NO_BYTES = new Uint8Array(0);
const NO_OBLIGATIONS: Obligations = { meet() {} };

export interface OutgoingLimits {
  /** Bytes that wait, past which loose frames are dropped; and of loose frames that are kept after they were sent. */
  readonly maxQueuedBytes: number;
  readonly maxHeldBytes: number;
}

/** A data frame that waits to be sent, or for its answer. */
class DataFrame implements HeldFrame {
  /** 0: not sent yet */
  number = 0;
  /** Bytes sent over this channel when it was; 0: not sent over this one. */
  sentThrough = 0;
  readonly type: number;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /** Messages in it; 0 for a held frame. */
  readonly messages: number;
  readonly obligations: Obligations;
  readonly slot: number;
  taken = false;

  constructor(
    type: number,
    head: Uint8Array,
    body: Uint8Array,
    messages: number,
    obligations: Obligations,
    slot: number,
  ) {
    this.type = type;
    this.head = head;
    this.body = body;
    this.messages = messages;
    this.obligations = obligations;
    this.slot = slot;
  }

  get isHeld(): boolean {
    return this.messages === 0;
  }

  get bytes(): number {
    return this.head.length + this.body.length;
  }
}

/**
 * The data frames of one link on their way out. They leave in the order they were given, as far as the peer's credit and the channel's
 * room go, and wait in one queue beyond that. A frame gets its number when it is sent for the first time. Held ones stay until they are
 * answered; over a new channel, those that the peer has not got go first, under their old numbers. So do loose ones that were sent over a
 * channel that `keepsLoose`: they stay until the peer's credit says that it has them.
 */
export class OutgoingData {
  queuedBytes = 0;
  heldBytes = 0;
  isFull = false;
  /** Messages in loose frames that found no room. */
  dropped = 0;
  resent = 0;
  /** All held frames with numbers up to this one are answered. */
  answered = 0;
  readonly #limits: OutgoingLimits;
  readonly #peerMaxFrameBytes: number;
  /** null: no channel */
  #writer: FrameWriter | null = null;
  /** Bytes of data frames that the peer takes over this channel, from its beginning; and those sent. */
  #granted = 0;
  #sent = 0;
  /** The last number given to a frame. */
  #lastNumber = 0;
  /** The last number that the peer has, or was sent or told of over this channel. */
  #toldNumber = 0;
  #keepsLoose = false;
  /** What the peer takes before it has dealt with anything: its first credit. null: none yet */
  #windowBytes: number | null = null;
  /** Not sent yet. */
  readonly #queue = new Fifo<DataFrame>();
  /** Held, sent and not answered. */
  readonly #unanswered = new Fifo<DataFrame>();
  /**
   * Loose, sent before, by number: over this channel, if it keeps them, and the peer may not have got them; behind these, those that have yet
   * to be sent over it.
   */
  #kept = new Fifo<DataFrame>();
  #keptBytes = 0;
  /** Those of both that have yet to be sent over this channel, by number. */
  #resend = new Fifo<DataFrame>();
  #waiting: (() => void)[] = [];

  constructor(limits: OutgoingLimits, peerMaxFrameBytes: number) {
    this.#limits = limits;
    this.#peerMaxFrameBytes = peerMaxFrameBytes;
  }

  /** Nothing is left that has to go out or to be answered. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#unanswered.length === 0 && this.#resend.length === 0;
  }

  whenRoom(call: () => void): void {
    if (this.isFull) this.#waiting.push(call);
    else call();
  }

  /**
   * Goes on over a channel. There is no credit on it yet.
   * @param peerReceived number of the last data frame that the peer has
   * @param keepsLoose whether loose frames are sent again if this channel ends before the peer has them
   * @returns false: it cannot have that
   */
  attach(writer: FrameWriter, peerReceived: number, keepsLoose = false): boolean {
    if (peerReceived > this.#lastNumber) return false;
    this.#writer = writer;
    this.#keepsLoose = keepsLoose;
    this.#granted = 0;
    this.#sent = 0;
    // It may have got more over the old channel after it said so: what comes again it counts as a duplicate.
    this.#toldNumber = peerReceived;
    this.#collectResend(peerReceived);
    return true;
  }

  detach(): void {
    this.#writer = null;
  }

  /** @returns false: dropped */
  loose(type: number, head: Uint8Array, buffer: Uint8Array, start: number, end: number, messages: number): boolean {
    const bytes = head.length + end - start;
    if (bytes + MAX_DATA_HEADER_BYTES > this.#peerMaxFrameBytes) return this.#drop(messages);
    const now = this.#queue.length === 0 && this.#maySend();
    if (now && !this.#keepsLoose) {
      this.#write(type, 0, ++this.#lastNumber, head, buffer, start, end);
      return true;
    }
    if (this.queuedBytes + bytes > this.#limits.maxQueuedBytes) return this.#drop(messages);
    const copy = new Uint8Array(bytes);
    copyBytes(copy, copyBytes(copy, 0, head, 0, head.length), buffer, start, end);
    const frame = new DataFrame(type, NO_BYTES, copy, Math.max(messages, 1), NO_OBLIGATIONS, 0);
    if (now) this.#send(frame);
    else this.#enqueue(frame);
    return true;
  }

  held(type: number, head: Uint8Array, body: Uint8Array, obligations: Obligations, slot: number): void {
    const frame = new DataFrame(type, head, body, 0, obligations, slot);
    if (frame.bytes + MAX_DATA_HEADER_BYTES > this.#peerMaxFrameBytes) {
      obligations.meet(slot, PACKET_TOO_LARGE);
      return;
    }
    this.heldBytes += frame.bytes;
    if (this.heldBytes > this.#limits.maxHeldBytes) this.isFull = true;
    if (this.#queue.length === 0 && this.#maySend()) this.#send(frame);
    else this.#enqueue(frame);
  }

  /** @throws {WireError} */
  onCredit(body: WireReader): void {
    this.#granted = Math.max(this.#granted, body.integer());
    // No data frame could be sent before it: there was nothing yet to count against the window.
    this.#windowBytes ??= this.#granted;
    this.#forget(this.#granted - this.#windowBytes);
    this.pump();
  }

  /** Sends what waits, as far as it goes. */
  pump(): void {
    while (this.#resend.length > 0 && this.#hasRoom()) {
      this.resent++;
      this.#send(this.#resend.shift()!);
    }
    while (this.#queue.length > 0 && this.#maySend()) {
      const frame = this.#queue.shift()!;
      this.queuedBytes -= frame.bytes;
      this.#send(frame);
    }
  }

  /**
   * Answers held frames: the number up to which all are answered, then how many had a reason other than 0, and for each of these its
   * number and the reason, in order.
   * @throws {WireError}
   */
  onAck(body: WireReader): void {
    const through = body.integer();
    let exceptions = body.integer();
    if (through > this.#lastNumber) throw new WireError('answers what was not sent');
    let number = 0;
    let reason = 0;
    for (let frame = this.#unanswered.peek(); frame !== undefined; frame = this.#unanswered.peek()) {
      if (frame.number > through) break;
      while (number < frame.number && exceptions > 0) {
        exceptions--;
        number = body.integer();
        reason = body.u8();
      }
      this.#unanswered.shift();
      this.heldBytes -= frame.bytes;
      frame.obligations.meet(frame.slot, frame.number === number ? reason : 0);
    }
    this.answered = Math.max(this.answered, through);
    if (this.isFull && this.heldBytes <= this.#limits.maxHeldBytes / 2) this.release();
  }

  /** For good. @returns the held frames that were not answered, oldest first */
  close(): HeldFrame[] {
    const frames: DataFrame[] = [];
    for (let frame = this.#unanswered.shift(); frame !== undefined; frame = this.#unanswered.shift())
      frames.push(frame);
    for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) {
      if (frame.isHeld) frames.push(frame);
      else this.dropped += frame.messages;
    }
    this.#writer = null;
    this.#resend = new Fifo();
    this.#kept = new Fifo();
    this.#keptBytes = 0;
    this.queuedBytes = 0;
    this.heldBytes = 0;
    return frames;
  }

  /** Lets those go on who wait for room. */
  release(): void {
    this.isFull = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) call();
  }

  #drop(messages: number): false {
    this.dropped += messages;
    return false;
  }

  #enqueue(frame: DataFrame): void {
    this.queuedBytes += frame.bytes;
    this.#queue.push(frame);
  }

  #maySend(): boolean {
    return this.#hasRoom() && this.#resend.length === 0;
  }

  /** The last frame may overdraw the credit: so one that is larger than the window passes too. */
  #hasRoom(): boolean {
    return this.#writer !== null && !this.#writer.blocked && this.#sent < this.#granted;
  }

  /** What the peer has not got: held and loose, in the order of their numbers. */
  #collectResend(peerReceived: number): void {
    const before = this.#kept;
    this.#kept = new Fifo();
    this.#keptBytes = 0;
    this.#resend = new Fifo();
    const looseBefore = (number: number): void => {
      for (let frame = before.peek(); frame !== undefined && frame.number < number; frame = before.peek()) {
        before.shift();
        if (frame.number <= peerReceived) continue;
        frame.sentThrough = 0;
        this.#keep(frame);
        this.#resend.push(frame);
      }
    };
    for (let left = this.#unanswered.length; left > 0; left--) {
      const frame = this.#unanswered.shift()!;
      this.#unanswered.push(frame);
      looseBefore(frame.number);
      if (frame.number > peerReceived) this.#resend.push(frame);
    }
    looseBefore(Number.POSITIVE_INFINITY);
  }

  #keep(frame: DataFrame): void {
    this.#kept.push(frame);
    this.#keptBytes += frame.bytes;
  }

  /** Kept frames that the peer has: those sent with the first bytes of this channel. */
  #forget(throughBytes: number): void {
    for (let frame = this.#kept.peek(); frame !== undefined; frame = this.#kept.peek()) {
      // A peer that takes more than we keep has to do without.
      const isTooMuch = this.#keptBytes > this.#limits.maxQueuedBytes;
      if (frame.sentThrough === 0 || (frame.sentThrough > throughBytes && !isTooMuch)) return;
      this.#kept.shift();
      this.#keptBytes -= frame.bytes;
    }
  }

  #send(frame: DataFrame): void {
    if (frame.number === 0) {
      frame.number = ++this.#lastNumber;
      if (frame.isHeld) this.#unanswered.push(frame);
      else if (this.#keepsLoose) this.#keep(frame);
    }
    this.#writeFrame(frame);
    if (frame.isHeld) return;
    frame.sentThrough = this.#sent;
    // On a channel that keeps nothing, this one is the first of those that were kept before.
    this.#forget(this.#keepsLoose ? 0 : this.#sent);
  }

  #writeFrame(frame: DataFrame): void {
    const flags = frame.isHeld ? HELD_FLAG : 0;
    if (frame.body.length < SHARE_FROM_BYTES) {
      this.#write(frame.type, flags, frame.number, frame.head, frame.body, 0, frame.body.length);
      return;
    }
    this.#write(frame.type, flags, frame.number, frame.head, NO_BYTES, 0, 0, frame.body.length);
    this.#writer?.share(frame.body);
  }

  #write(
    type: number,
    flags: number,
    number: number,
    head: Uint8Array,
    buffer: Uint8Array,
    start: number,
    end: number,
    behind = 0,
  ): void {
    const writer = this.#writer!;
    if (number > this.#toldNumber + 1) writer.integers(FrameType.Skip, number - 1, null);
    this.#toldNumber = number;
    const bytes = FLAGS_BYTES + integerSize(number) + head.length + end - start;
    this.#sent += FRAME_HEADER_BYTES + bytes + behind;
    let at = writer.frame(type, bytes, behind);
    const out = writer.buffer;
    out[at] = flags;
    at = writeInteger(out, at + FLAGS_BYTES, number);
    at = copyBytes(out, at, head, 0, head.length);
    copyBytes(out, at, buffer, start, end);
  }
}
