import { ownBytes } from '@plexus/protocol';
import { Fifo } from '../lib/fifo.ts';
import { FRAME_HEADER_BYTES } from './frame-reader.ts';
import { FrameType } from './frame-types.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { LinkCloseReason } from './link-ports.ts';
import { FLAGS_BYTES, HELD_FLAG } from './outgoing-data.ts';
import { ReceivedFrames } from './received-frames.ts';
import { integerSize, writeInteger } from './wire-bytes.ts';

/** Of the eighth byte: the number of a data frame has at most seven. */
const MAX_SCALE = 2 ** 49;
/** Exceptions in one Ack. */
const MAX_ACK_EXCEPTIONS = 1024;
/**
 * What a number costs here until it can be forgotten: of a frame that is dealt with while one before it is not, or of an answer that
 * the peer may not know. It counts against the window, as the peer alone decides how many there are.
 */
const NUMBER_BYTES = 8;
/** A parked frame keeps its chunk only if it is at least this part of it. */
const MIN_KEPT_PART = 1 / 8;

/** Who gets the data frames. */
export interface IncomingOwner {
  /** @returns false: not now */
  onDataFrame(number: number, held: boolean, type: number, buffer: Uint8Array, start: number, end: number): boolean;
  /** An Ack or a Credit is owed: `writeOwed` is to be called at the end of the turn. */
  onOwed(): void;
}

class ParkedFrame {
  readonly number: number;
  readonly held: boolean;
  readonly type: number;
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;

  constructor(number: number, held: boolean, type: number, buffer: Uint8Array, start: number, end: number) {
    const keeps = end - start >= buffer.length * MIN_KEPT_PART;
    this.number = number;
    this.held = held;
    this.type = type;
    this.buffer = keeps ? buffer : ownBytes(buffer, start, end);
    this.start = keeps ? start : 0;
    this.end = keeps ? end : end - start;
  }
}

/** Reasons other than 0 for held frames, kept until the peer has said that it knows: an Ack may be lost with its channel. */
class Exceptions {
  readonly numbers: number[] = [];
  readonly reasons: number[] = [];
  /** How many of them were in an Ack over this channel. */
  sent = 0;

  add(number: number, reason: number): void {
    this.numbers.push(number);
    this.reasons.push(reason);
  }

  forget(through: number): void {
    let count = 0;
    while (count < this.numbers.length && this.numbers[count]! <= through) count++;
    if (count === 0) return;
    this.numbers.splice(0, count);
    this.reasons.splice(0, count);
    this.sent = Math.max(this.sent - count, 0);
  }
}

/**
 * The data frames of one link that come in: their numbers, the credit that bounds them, their answers, and those that wait because
 * their receiver has said *not now*.
 */
export class IncomingData {
  duplicates = 0;
  readonly #owner: IncomingOwner;
  readonly #windowBytes: number;
  readonly #exceptions = new Exceptions();
  readonly #frames = new ReceivedFrames((number, reason) => this.#exceptions.add(number, reason));
  readonly #parked = new Fifo<ParkedFrame>();
  #unparking = false;
  #owed = false;
  /** Bytes of data frames that have come over this channel, and that may. */
  #received = 0;
  #granted = 0;
  /** Held frames that the last Ack answered, with all before. */
  #heldAcked = 0;
  /** Nobody knows whether the Acks before this channel have come. */
  #ackAgain = false;

  constructor(owner: IncomingOwner, windowBytes: number) {
    this.#owner = owner;
    this.#windowBytes = windowBytes;
  }

  get lastReceived(): number {
    return this.#frames.next - 1;
  }

  /** Nothing that came is still to be dealt with. */
  get isIdle(): boolean {
    return this.#frames.openBytes === 0;
  }

  /** A channel begins: there is no credit on it, and nobody knows which Acks have come over the one before. */
  attach(): void {
    this.#received = 0;
    this.#granted = 0;
    this.#exceptions.sent = 0;
    this.#ackAgain = this.lastReceived > 0;
    this.#owed = true;
    this.#owner.onOwed();
  }

  /** The body is `buffer[start, end)`. @returns null, or what is wrong with it */
  onFrame(type: number, buffer: Uint8Array, start: number, end: number): LinkCloseReason | null {
    // By hand: no reader per message.
    let at = start + FLAGS_BYTES;
    let number = 0;
    let scale = 1;
    while (at < end && buffer[at]! > 0x7f && scale < MAX_SCALE) {
      number += (buffer[at++]! & 0x7f) * scale;
      scale *= 0x80;
    }
    if (at >= end || scale >= MAX_SCALE) return 'bad_frame';
    number += buffer[at++]! * scale;
    if (this.#received >= this.#granted) return 'credit_exceeded';
    const bytes = FRAME_HEADER_BYTES + end - start;
    this.#received += bytes;
    if (number > this.#frames.next) return 'sequence_gap';
    if (number < this.#frames.next) {
      this.duplicates++;
      this.#oweCredit();
      return null;
    }
    const held = (buffer[start]! & HELD_FLAG) !== 0;
    this.#frames.add(held, bytes);
    if (this.#parked.length > 0 || !this.#owner.onDataFrame(number, held, type, buffer, at, end)) {
      this.#parked.push(new ParkedFrame(number, held, type, buffer, at, end));
    }
    return null;
  }

  /** Numbers up to this one will not come. @returns null, or what is wrong with it */
  onSkip(through: number): LinkCloseReason | null {
    return this.#frames.skip(through) ? null : 'sequence_gap';
  }

  /** The peer knows the answers up to this number. */
  onConfirmed(through: number): void {
    this.#exceptions.forget(through);
  }

  done(number: number, reason: number): void {
    if (!this.#frames.done(number, reason)) return;
    if (this.#frames.heldAnswered !== this.#heldAcked) this.#owe();
    else this.#oweCredit();
  }

  /** Gives what waits to its receiver, as far as it takes it. */
  unpark(): void {
    if (this.#unparking) return;
    this.#unparking = true;
    for (let frame = this.#parked.peek(); frame !== undefined; frame = this.#parked.peek()) {
      if (!this.#owner.onDataFrame(frame.number, frame.held, frame.type, frame.buffer, frame.start, frame.end)) break;
      this.#parked.shift();
    }
    this.#unparking = false;
  }

  /** What waits is not given to anybody any more. */
  close(): void {
    while (this.#parked.length > 0) this.#parked.shift();
  }

  /** Writes the Ack and the Credit that are owed, if any. */
  writeOwed(writer: FrameWriter): void {
    this.#owed = false;
    if (this.#ackAgain || this.#frames.heldAnswered !== this.#heldAcked) this.#writeAcks(writer);
    if (!this.#isCreditDue()) return;
    this.#granted = this.#grantable();
    writer.integers(FrameType.Credit, this.#granted, null);
  }

  #writeAcks(writer: FrameWriter): void {
    const { numbers } = this.#exceptions;
    do {
      const from = this.#exceptions.sent;
      const to = Math.min(from + MAX_ACK_EXCEPTIONS, numbers.length);
      this.#writeAck(writer, to === numbers.length ? this.#frames.first - 1 : numbers[to - 1]!, from, to);
      this.#exceptions.sent = to;
    } while (this.#exceptions.sent < numbers.length);
    this.#heldAcked = this.#frames.heldAnswered;
    this.#ackAgain = false;
  }

  #writeAck(writer: FrameWriter, through: number, from: number, to: number): void {
    const { numbers, reasons } = this.#exceptions;
    let bytes = integerSize(through) + integerSize(to - from);
    for (let i = from; i < to; i++) bytes += integerSize(numbers[i]!) + 1;
    let at = writer.frame(FrameType.Ack, bytes);
    const out = writer.buffer;
    at = writeInteger(out, at, through);
    at = writeInteger(out, at, to - from);
    for (let i = from; i < to; i++) {
      at = writeInteger(out, at, numbers[i]!);
      out[at++] = reasons[i]!;
    }
  }

  #grantable(): number {
    const { first, next, openBytes } = this.#frames;
    const numbers = next - first + this.#exceptions.numbers.length;
    return this.#received + this.#windowBytes - openBytes - numbers * NUMBER_BYTES;
  }

  #isCreditDue(): boolean {
    return this.#grantable() - this.#granted >= this.#windowBytes / 4;
  }

  #oweCredit(): void {
    if (this.#isCreditDue()) this.#owe();
  }

  #owe(): void {
    if (this.#owed) return;
    this.#owed = true;
    this.#owner.onOwed();
  }
}
