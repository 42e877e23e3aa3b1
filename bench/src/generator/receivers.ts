import type { FrameShape } from './wire.ts';

/** Takes `length` bytes at the start of a buffer that is reused after the call. */
export type ReceiveBytes = (length: number, buffer: Buffer) => void;

/**
 * Counts packets of one size by dividing bytes, and touches one byte per read: the one at the last
 * packet boundary. If that is not the first byte of such a packet, something else is in between, and the
 * read is walked packet by packet.
 */
export class CountingReceiver {
  received = 0;
  readonly #shape: FrameShape;
  readonly #answer: (bytes: Buffer) => void;
  /** Bytes missing of the packet that the last read ended in. */
  #missing = 0;
  #missingCounts = true;

  /** @param answer writes an answer to a keep-alive request. */
  constructor(shape: FrameShape, answer: (bytes: Buffer) => void) {
    this.#shape = shape;
    this.#answer = answer;
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
    const { size, firstByte, ping } = this.#shape;
    let at = start;
    while (at < length) {
      const counts = buffer[at] === firstByte;
      if (!counts) answerPing(this.#shape, buffer, at, length, this.#answer);
      const next = at + (counts ? size : ping!.request.length);
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

/** Hands over each packet of one size, joined when two reads share it. */
export class FrameReader {
  readonly #shape: FrameShape;
  readonly #onFrame: (buffer: Buffer, offset: number) => void;
  readonly #answer: (bytes: Buffer) => void;
  readonly #carry: Buffer;
  #carried = 0;
  #carryTarget = 0;

  /** @param onFrame may look at `size` bytes from `offset` during the call only. */
  constructor(shape: FrameShape, onFrame: (buffer: Buffer, offset: number) => void, answer: (bytes: Buffer) => void) {
    this.#shape = shape;
    this.#onFrame = onFrame;
    this.#answer = answer;
    this.#carry = Buffer.alloc(Math.max(shape.size, shape.ping?.request.length ?? 0));
  }

  take(length: number, buffer: Buffer): void {
    const { size, firstByte, ping } = this.#shape;
    let at = this.#carried > 0 ? this.#join(length, buffer) : 0;
    while (at < length) {
      const isFrame = buffer[at] === firstByte;
      if (!isFrame) answerPing(this.#shape, buffer, at, length, this.#answer);
      const bytes = isFrame ? size : ping!.request.length;
      if (at + bytes > length) {
        buffer.copy(this.#carry, 0, at, length);
        this.#carried = length - at;
        this.#carryTarget = bytes;
        return;
      }
      if (isFrame) this.#onFrame(buffer, at);
      at += bytes;
    }
  }

  /** Completes the carried packet; returns how many bytes of this read it took. */
  #join(length: number, buffer: Buffer): number {
    const taken = Math.min(this.#carryTarget - this.#carried, length);
    buffer.copy(this.#carry, this.#carried, 0, taken);
    this.#carried += taken;
    if (this.#carried === this.#carryTarget) {
      this.#carried = 0;
      if (this.#carry[0] === this.#shape.firstByte) this.#onFrame(this.#carry, 0);
    }
    return taken;
  }
}

function answerPing(
  shape: FrameShape,
  buffer: Buffer,
  at: number,
  length: number,
  answer: (bytes: Buffer) => void,
): void {
  if (shape.ping !== null && buffer[at] === shape.ping.request[0]) {
    answer(shape.ping.answer);
    return;
  }
  const shown = buffer.subarray(at, Math.min(at + 40, length));
  throw new Error(`unexpected bytes between packets: ${shown.toString('hex')} ${JSON.stringify(shown.toString())}`);
}
