import { copyBytes, ownBytes } from '@plexus/protocol';
import type { Turn, TurnTask } from '../lib/turn.ts';
import { type ChunkPool, LARGE_CHUNK_BYTES, SMALL_CHUNK_BYTES } from './chunk-pool.ts';
import type { FlowControl, StalledReceiver } from './flow-control.ts';
import type { Transport } from './transport.ts';

/** From this size on bytes are sent from where they lie; below it a copy costs less than a slice of its own. */
export const SHARE_FROM_BYTES = 2048;
/** Waiting bytes that leave at once, without waiting for the end of the turn. */
const FLUSH_AT_BYTES = 128 * 1024;
/**
 * Bytes per write. Progress shows only when a write was taken whole, so a receiver that takes its time gets small ones, and
 * one that keeps up large ones.
 */
const MIN_WRITE_BYTES = 16 * 1024;
const FIRST_WRITE_BYTES = 64 * 1024;
const MAX_WRITE_BYTES = 256 * 1024;
/** A write that took longer than this was slow; one that took less than a quarter of it, quick. */
const SLOW_WRITE_MS = 200;
/** A range is shared only if it is at least this part of the memory that it keeps alive. */
const MIN_SHARED_PART = 1 / 8;
const WRITE_SLICES = 64;

/** What an outbound needs of the connection it serves. */
export interface OutboundOwner {
  /** A write was taken whole: there may be room again. */
  onDrained(): void;
  /** The node wants the bytes held for this receiver back. */
  closeStalled(): void;
}

/** What all outbounds of a node share. */
export interface OutboundContext {
  readonly flow: FlowControl;
  readonly turn: Turn;
  readonly chunks: ChunkPool;
  /** Milliseconds, monotonic. */
  now(): number;
}

class Slice {
  buffer: Uint8Array;
  start: number;
  end: number;

  constructor(buffer: Uint8Array, start: number, end: number) {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
  }

  /** Copies the range out of a buffer more than twice its size, except out of `chunk`, which is still being filled. */
  own(chunk: Uint8Array | null): void {
    const length = this.end - this.start;
    if (this.buffer === chunk || this.buffer.length <= length * 2) return;
    this.buffer = ownBytes(this.buffer, this.start, this.end);
    this.start = 0;
    this.end = length;
  }
}

/**
 * Bytes on their way to one client: whole packets in order, written once per turn of the event loop.
 *
 * Large ranges are shared: the same read buffer stands in the queues of all its receivers, and consecutive packets of
 * one read are one slice. Small ones are copied into a chunk of the connection's own, which comes from a pool and goes
 * back when the system has taken it.
 */
export class Outbound implements StalledReceiver, TurnTask {
  /** Bytes that the system has not taken yet, waiting or in the write under way. */
  bytes = 0;
  /** Bytes taken by the system since the connection began. */
  bytesOut = 0;
  lastProgressMs: number;
  stalled = false;
  readonly #owner: OutboundOwner;
  readonly #transport: Transport;
  readonly #context: OutboundContext;
  #scheduled = false;
  #discarded = false;
  /** Waiting, oldest first from `#head`. */
  #slices: Slice[] = [];
  #head = 0;
  #waitingBytes = 0;
  /** The chunk that small packets are copied into, filled up to `#filled`. */
  #chunk: Uint8Array | null = null;
  #filled = 0;
  /** Chunks that go back to the pool once all that waits now is written. */
  #chunks: Uint8Array[] = [];
  /** The write under way: 0 bytes if there is none. */
  #writingBytes = 0;
  #writeStartedMs = 0;
  #writeBytes = FIRST_WRITE_BYTES;
  #writing: Uint8Array[] = [];
  #writingChunks: Uint8Array[] = [];

  constructor(owner: OutboundOwner, transport: Transport, context: OutboundContext) {
    this.#owner = owner;
    this.#transport = transport;
    this.#context = context;
    this.lastProgressMs = context.now();
  }

  /** Appends `buffer[start, end)`, which must not change from here on. */
  push(buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length < SHARE_FROM_BYTES) {
      const at = this.reserve(length);
      copyBytes(this.#chunk!, at, buffer, start, end);
      return;
    }
    if (length < buffer.length * MIN_SHARED_PART) {
      this.push(ownBytes(buffer, start, end), 0, length);
      return;
    }
    if (this.#waitingBytes >= FLUSH_AT_BYTES) this.flush();
    this.#append(buffer, start, end);
  }

  /**
   * Appends `length` bytes, at most `SMALL_CHUNK_BYTES`, which the caller writes into `chunk` from the offset
   * returned before it calls anything else here.
   */
  reserve(length: number): number {
    // Before, not after: the caller has yet to write its bytes.
    if (this.#waitingBytes >= FLUSH_AT_BYTES) this.flush();
    if (this.#chunk === null || this.#filled + length > this.#chunk.length) {
      this.#chunk = this.#context.chunks.acquire(this.#chunk === null ? SMALL_CHUNK_BYTES : LARGE_CHUNK_BYTES);
      this.#chunks.push(this.#chunk);
      this.#filled = 0;
    }
    const at = this.#filled;
    this.#filled += length;
    this.#append(this.#chunk, at, this.#filled);
    return at;
  }

  /** Where to write what was reserved last. Stays writable after `discard`. */
  get chunk(): Uint8Array {
    return this.#chunk!;
  }

  endOfTurn(): void {
    this.#scheduled = false;
    this.flush();
  }

  /** Hands what waits to the transport, unless a write is under way. */
  flush(): void {
    if (this.#writingBytes > 0 || this.#waitingBytes === 0 || this.#discarded) return;
    const count = this.#takeSlices();
    if (this.#head === this.#slices.length) {
      this.#slices.length = 0;
      this.#head = 0;
      this.#chunk = null;
      const written = this.#writingChunks;
      this.#writingChunks = this.#chunks;
      this.#chunks = written;
    } else {
      // A receiver with a backlog: chunks are not counted up slice by slice, they are left to the garbage collector.
      this.#chunks.length = 0;
      if (this.#head >= WRITE_SLICES) {
        this.#slices.splice(0, this.#head);
        this.#head = 0;
      }
    }
    this.#writeStartedMs = this.#context.now();
    this.#transport.write(this.#writing, count);
  }

  #takeSlices(): number {
    let count = 0;
    let bytes = 0;
    while (this.#head < this.#slices.length && count < WRITE_SLICES && bytes < this.#writeBytes) {
      const slice = this.#slices[this.#head]!;
      const end = Math.min(slice.end, slice.start + this.#writeBytes - bytes);
      this.#writing[count++] = slice.buffer.subarray(slice.start, end);
      bytes += end - slice.start;
      slice.start = end;
      if (end === slice.end) this.#head++;
    }
    this.#waitingBytes -= bytes;
    this.#writingBytes = bytes;
    return count;
  }

  /** The transport has taken the write under way. */
  written(): void {
    if (this.#discarded) return;
    const bytes = this.#writingBytes;
    this.#writingBytes = 0;
    this.#writing.length = 0;
    for (let i = 0; i < this.#writingChunks.length; i++) this.#context.chunks.release(this.#writingChunks[i]!);
    this.#writingChunks.length = 0;
    this.lastProgressMs = this.#context.now();
    this.#adaptWrites(this.lastProgressMs - this.#writeStartedMs);
    this.bytesOut += bytes;
    this.#unstall();
    this.bytes -= bytes;
    this.flush();
    this.#owner.onDrained();
    // Last, because it may open the gate, and publishers then push to this very queue.
    this.#context.flow.release(bytes);
  }

  #adaptWrites(tookMs: number): void {
    if (tookMs > SLOW_WRITE_MS) this.#writeBytes = MIN_WRITE_BYTES;
    else if (tookMs < SLOW_WRITE_MS / 4 && this.#writeBytes < MAX_WRITE_BYTES) this.#writeBytes *= 2;
  }

  /** Counts the bytes as stalled when nothing was taken for `afterMs`. What waits moves out of buffers larger than it. */
  checkStall(nowMs: number, afterMs: number): void {
    if (this.stalled || this.bytes === 0 || nowMs - this.lastProgressMs < afterMs) return;
    this.stalled = true;
    for (let i = this.#head; i < this.#slices.length; i++) this.#slices[i]!.own(this.#chunk);
    this.#context.flow.stall(this, this.bytes);
  }

  #unstall(): void {
    if (!this.stalled) return;
    this.stalled = false;
    this.#context.flow.unstall(this, this.bytes);
  }

  closeStalled(): void {
    this.#owner.closeStalled();
  }

  /** The transport is gone: forgets everything. Chunks are left alone, the system may still be reading them. */
  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    const bytes = this.bytes;
    this.bytes = 0;
    this.#waitingBytes = 0;
    this.#slices = [];
    this.#head = 0;
    if (this.stalled) this.#context.flow.forgetStalled(this, bytes);
    else this.#context.flow.release(bytes);
  }

  #append(buffer: Uint8Array, start: number, end: number): void {
    if (this.#discarded) return;
    const last = this.#slices.length > this.#head ? this.#slices[this.#slices.length - 1]! : null;
    if (last !== null && last.buffer === buffer && last.end === start) last.end = end;
    else this.#slices.push(new Slice(buffer, start, end));
    const length = end - start;
    if (this.bytes === 0) this.lastProgressMs = this.#context.now();
    this.bytes += length;
    this.#waitingBytes += length;
    if (!this.#scheduled && this.#writingBytes === 0) {
      this.#scheduled = true;
      this.#context.turn.atEnd(this);
    }
    // Last, because a full account may close this very connection.
    if (this.stalled) this.#context.flow.holdStalled(length);
    else this.#context.flow.hold(length);
  }
}
