/** Enough for the packets that an ordinary client gets in one turn. */
export const SMALL_CHUNK_BYTES = 4 * 1024;
/** For connections that filled a small one in the same turn. */
export const LARGE_CHUNK_BYTES = 32 * 1024;

const MAX_POOLED_SMALL = 1024;
const MAX_POOLED_LARGE = 256;

/**
 * Chunks for outbound packets, used again and again: under load the broker's own copies make no garbage. Holds at most
 * 12 MiB; beyond that chunks are left to the garbage collector.
 */
export class ChunkPool {
  #small: Uint8Array[] = [];
  #large: Uint8Array[] = [];

  /** @param bytes `SMALL_CHUNK_BYTES` or `LARGE_CHUNK_BYTES` */
  acquire(bytes: number): Uint8Array {
    const pool = bytes === SMALL_CHUNK_BYTES ? this.#small : this.#large;
    return pool.pop() ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** Nobody may read or write the chunk any more. */
  release(chunk: Uint8Array): void {
    if (chunk.length === SMALL_CHUNK_BYTES) {
      if (this.#small.length < MAX_POOLED_SMALL) this.#small.push(chunk);
    } else if (this.#large.length < MAX_POOLED_LARGE) this.#large.push(chunk);
  }
}
