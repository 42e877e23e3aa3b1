import { copyBytes } from '@plexus/protocol';

/** u32 of the length, u8 of the type. */
export const FRAME_HEADER_BYTES = 5;
const LENGTH_BYTES = 4;
/** What is set aside for a frame before more of it has come: its length is only a claim. */
const FIRST_CARRY_BYTES = 64 * 1024;

export interface FrameSink {
  /** The body is `buffer[start, end)`. It may be kept: nobody writes to the buffer again. */
  onFrame(type: number, buffer: Uint8Array, start: number, end: number): void;
  /** No frame can be read any more. */
  onBadFrame(reason: 'bad_frame' | 'frame_too_large', detail: string): void;
}

/**
 * Finds the frames in the bytes of a channel, in whatever chunks they come. Frames are views of their chunk; only one that crosses
 * into another chunk is copied.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  #stopped = false;
  /** The frame that is incomplete, from its length on; null: none. */
  #carry: Uint8Array | null = null;
  #carried = 0;
  /** Bytes of the whole frame in `#carry`; 0: its length is incomplete too. */
  #wanted = 0;
  #chunk: Uint8Array | null = null;
  /** Offset in `#chunk` behind the last frame that was told. */
  #behind = 0;

  /** @param maxFrameBytes of type and body */
  constructor(sink: FrameSink, maxFrameBytes: number) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#stopped) return;
    this.#chunk = chunk;
    let at = this.#carry === null ? 0 : this.#fillCarry(chunk);
    while (!this.#stopped && at + LENGTH_BYTES <= chunk.length) {
      const length = lengthAt(chunk, at);
      if (!this.#isPossible(length)) return;
      const end = at + LENGTH_BYTES + length;
      if (end > chunk.length) break;
      this.#behind = end;
      this.#sink.onFrame(chunk[at + LENGTH_BYTES]!, chunk, at + FRAME_HEADER_BYTES, end);
      at = end;
    }
    if (!this.#stopped && at < chunk.length) this.#startCarry(chunk, at);
    this.#chunk = null;
  }

  /** Nothing more is told; may be called from within a frame. */
  stop(): void {
    this.#stopped = true;
    this.#carry = null;
  }

  /** Stops within a frame. @returns what came behind it, for another reader; null: nothing */
  takeRest(): Uint8Array | null {
    this.stop();
    const chunk = this.#chunk;
    return chunk === null || this.#behind === chunk.length ? null : chunk.subarray(this.#behind);
  }

  #isPossible(length: number): boolean {
    if (length > 0 && length <= this.#maxFrameBytes) return true;
    this.stop();
    if (length === 0) this.#sink.onBadFrame('bad_frame', 'a frame without a type');
    else
      this.#sink.onBadFrame('frame_too_large', `a frame of ${length} bytes, at most ${this.#maxFrameBytes} are taken`);
    return false;
  }

  #startCarry(chunk: Uint8Array, at: number): void {
    const have = chunk.length - at;
    this.#wanted = have < LENGTH_BYTES ? 0 : LENGTH_BYTES + lengthAt(chunk, at);
    const room = this.#wanted === 0 ? LENGTH_BYTES : Math.max(have, Math.min(this.#wanted, FIRST_CARRY_BYTES));
    this.#carry = new Uint8Array(room);
    this.#carried = copyBytes(this.#carry, 0, chunk, at, chunk.length);
  }

  /** @returns the offset in `chunk` from which on nothing was used */
  #fillCarry(chunk: Uint8Array): number {
    let at = 0;
    if (this.#wanted === 0) {
      at = this.#copyToCarry(chunk, 0, LENGTH_BYTES);
      if (this.#carried < LENGTH_BYTES) return at;
      const length = lengthAt(this.#carry!, 0);
      if (!this.#isPossible(length)) return at;
      this.#wanted = LENGTH_BYTES + length;
    }
    at = this.#copyToCarry(chunk, at, this.#wanted);
    if (this.#carried < this.#wanted) return at;
    const frame = this.#carry!;
    this.#carry = null;
    this.#behind = at;
    this.#sink.onFrame(frame[LENGTH_BYTES]!, frame, FRAME_HEADER_BYTES, this.#wanted);
    return at;
  }

  /** Fills the carry up to `upTo` bytes, as far as the chunk goes. */
  #copyToCarry(chunk: Uint8Array, at: number, upTo: number): number {
    const end = Math.min(chunk.length, at + upTo - this.#carried);
    const needed = this.#carried + end - at;
    if (needed > this.#carry!.length) {
      const larger = new Uint8Array(Math.min(upTo, Math.max(needed, this.#carry!.length * 2, FIRST_CARRY_BYTES)));
      copyBytes(larger, 0, this.#carry!, 0, this.#carried);
      this.#carry = larger;
    }
    this.#carried = copyBytes(this.#carry!, this.#carried, chunk, at, end);
    return end;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
