import type { Answers } from './answers.ts';
import type { FrameShape, PacketKind } from './wire.ts';

/** Takes `length` bytes at the start of a buffer that is reused after the call. */
export type ReceiveBytes = (length: number, buffer: Buffer) => void;

/**
 * Counts packets of one size by dividing bytes, and touches one byte per read: the one at the last
 * packet boundary. If that is not the first byte of such a packet, something else is in between, and the
 * read is walked packet by packet. Nothing of what it counts is answered.
 */
export class CountingReceiver {
  received = 0;
  readonly #shape: FrameShape;
  readonly #answers: Answers;
  /** Bytes missing of the packet that the last read ended in. */
  #missing = 0;
  #missingCounts = true;

  constructor(shape: FrameShape, answers: Answers) {
    this.#shape = shape;
    this.#answers = answers;
  }

  take(length: number, buffer: Buffer): void {
    const start = this.#missing;
    if (start > length) {
      this.#missing -= length;
      return;
    }
    if (start > 0) {
      this.#missing = 0;
      if (this.#missingCounts) this.received++;
    }
    if (start === length) return;
    const { size, firstByte } = this.#shape;
    const whole = Math.floor((length - start) / size);
    const end = start + whole * size;
    if (buffer[end < length ? end : end - size] !== firstByte) {
      this.#walk(start, length, buffer);
      return;
    }
    this.received += whole;
    this.#missingCounts = true;
    if (end < length) this.#missing = size - (length - end);
  }

  #walk(start: number, length: number, buffer: Buffer): void {
    let at = start;
    while (at < length) {
      const kind = kindAt(this.#shape, buffer, at, length);
      const counts = kind === this.#shape;
      if (!counts) this.#answers.add(kind, buffer, at);
      const next = at + kind.size;
      if (next > length) {
        this.#missing = next - length;
        this.#missingCounts = counts;
        return;
      }
      if (counts) this.received++;
      at = next;
    }
  }
}

/** Hands over each packet of one size, joined when two reads share it, and answers all that want an answer. */
export class FrameReader {
  received = 0;
  readonly #shape: FrameShape;
  readonly #onFrame: (buffer: Buffer, offset: number) => void;
  readonly #answers: Answers;
  readonly #carry: Buffer;
  #carried = 0;
  #carryKind: PacketKind;

  /** @param onFrame may look at `size` bytes from `offset` during the call only. */
  constructor(shape: FrameShape, onFrame: (buffer: Buffer, offset: number) => void, answers: Answers) {
    this.#shape = shape;
    this.#onFrame = onFrame;
    this.#answers = answers;
    this.#carry = Buffer.alloc(Math.max(shape.size, shape.control?.size ?? 0));
    this.#carryKind = shape;
  }

  take(length: number, buffer: Buffer): void {
    let at = this.#carried > 0 ? this.#join(length, buffer) : 0;
    while (at < length) {
      const kind = kindAt(this.#shape, buffer, at, length);
      if (at + kind.size > length) {
        buffer.copy(this.#carry, 0, at, length);
        this.#carried = length - at;
        this.#carryKind = kind;
        break;
      }
      this.#whole(kind, buffer, at);
      at += kind.size;
    }
    this.#answers.settle();
  }

  /** Completes the carried packet; returns how many bytes of this read it took. */
  #join(length: number, buffer: Buffer): number {
    const taken = Math.min(this.#carryKind.size - this.#carried, length);
    buffer.copy(this.#carry, this.#carried, 0, taken);
    this.#carried += taken;
    if (this.#carried === this.#carryKind.size) {
      this.#carried = 0;
      this.#whole(this.#carryKind, this.#carry, 0);
    }
    return taken;
  }

  #whole(kind: PacketKind, buffer: Buffer, offset: number): void {
    this.#answers.add(kind, buffer, offset);
    if (kind !== this.#shape) return;
    this.received++;
    this.#onFrame(buffer, offset);
  }
}

/** What begins at `at`; throws when it is nothing that may come. */
function kindAt(shape: FrameShape, buffer: Buffer, at: number, length: number): PacketKind {
  const firstByte = buffer[at];
  if (firstByte === shape.firstByte) return shape;
  if (shape.control !== null && firstByte === shape.control.firstByte) return shape.control;
  const shown = buffer.subarray(at, Math.min(at + 40, length));
  throw new Error(`unexpected bytes between packets: ${shown.toString('hex')} ${JSON.stringify(shown.toString())}`);
}
