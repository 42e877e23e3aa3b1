import type { PeerChannel } from './channel.ts';
import { FRAME_HEADER_BYTES } from './frame-reader.ts';
import { integerSize, writeInteger } from './wire-bytes.ts';

const FIRST_SLAB_BYTES = 4 * 1024;
/** A write of so many bytes leaves at once, without waiting for the end of the turn. */
const MAX_SLAB_BYTES = 64 * 1024;
/** From this size on bytes are written from where they lie: a copy costs more than a write of its own. */
export const SHARE_FROM_BYTES = 16 * 1024;
/** Bytes that may wait in a channel before it counts as dead: control frames always pass. */
const MAX_BLOCKED_BYTES = 64 * 1024 * 1024;

/** What has passed over all channels of a link. */
export class Traffic {
  bytesIn = 0;
  bytesOut = 0;
  framesIn = 0;
  framesOut = 0;
}

/**
 * Puts frames one behind the other, and hands many of them to the channel in one write. The channel keeps what it is given, so memory
 * is taken in slabs: a write is a range of one, the next frames go behind it.
 *
 *     slab  [ written … | waits … | free … ]
 *                       |         |
 *                    #start     #filled
 */
export class FrameWriter {
  /** The channel has said that it has no more room. */
  blocked = false;
  /** Where to write what was reserved last. */
  buffer: Uint8Array = new Uint8Array(0);
  readonly #channel: PeerChannel;
  readonly #traffic: Traffic;
  #start = 0;
  #filled = 0;
  #slabBytes = FIRST_SLAB_BYTES / 2;
  #stopped = false;

  constructor(channel: PeerChannel, traffic: Traffic) {
    this.#channel = channel;
    this.#traffic = traffic;
  }

  /**
   * Begins a frame with `bytes` of body, which the caller writes into `buffer` from the offset returned before it calls anything else here.
   * @param behind bytes that belong to the frame too, and are given to `share` next
   */
  frame(type: number, bytes: number, behind = 0): number {
    const at = this.#reserve(FRAME_HEADER_BYTES + bytes);
    const out = this.buffer;
    const length = bytes + behind + 1;
    out[at] = length >>> 24;
    out[at + 1] = (length >>> 16) & 0xff;
    out[at + 2] = (length >>> 8) & 0xff;
    out[at + 3] = length & 0xff;
    out[at + 4] = type;
    this.#traffic.framesOut++;
    return at + FRAME_HEADER_BYTES;
  }

  /** A frame whose body is copied. */
  copy(type: number, body: Uint8Array): void {
    const at = this.frame(type, body.length);
    this.buffer.set(body, at);
  }

  /** A frame whose body is one integer, or two. */
  integers(type: number, first: number, second: number | null): void {
    const bytes = integerSize(first) + (second === null ? 0 : integerSize(second));
    const at = this.frame(type, bytes);
    const next = writeInteger(this.buffer, at, first);
    if (second !== null) writeInteger(this.buffer, next, second);
  }

  /** Bytes that are written from where they lie, and must not change any more. */
  share(bytes: Uint8Array): void {
    this.flush();
    this.#write(bytes);
  }

  /** Hands what waits to the channel. */
  flush(): void {
    if (this.#start === this.#filled) return;
    const bytes = this.buffer.subarray(this.#start, this.#filled);
    this.#start = this.#filled;
    this.#write(bytes);
  }

  /** The peer takes nothing, for so long that what waits for it has become too much. */
  get isStuck(): boolean {
    return this.#channel.waitingBytes > MAX_BLOCKED_BYTES;
  }

  drained(): void {
    this.blocked = false;
  }

  /** Nothing reaches the channel any more. */
  stop(): void {
    this.#stopped = true;
  }

  #reserve(bytes: number): number {
    if (this.#filled + bytes > this.buffer.length) {
      this.flush();
      this.#slabBytes = Math.min(this.#slabBytes * 2, MAX_SLAB_BYTES);
      this.buffer = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, bytes));
      this.#start = 0;
      this.#filled = 0;
    }
    const at = this.#filled;
    this.#filled += bytes;
    return at;
  }

  #write(bytes: Uint8Array): void {
    if (this.#stopped || bytes.length === 0) return;
    this.#traffic.bytesOut += bytes.length;
    if (!this.#channel.write(bytes)) this.blocked = true;
  }
}
