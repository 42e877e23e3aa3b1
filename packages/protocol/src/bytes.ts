/** From this many bytes on, a native copy is faster than a loop, although it needs a view of the range (measured: about 30). */
const LOOP_BYTES = 32;

/** Copies `source[start, end)` to `out` at `at`, and returns the offset after it. The two must not overlap. */
export function copyBytes(out: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < LOOP_BYTES) {
    for (let i = 0; i < length; i++) out[at + i] = source[start + i]!;
  } else {
    // A plain view: `subarray` keeps the class of `source`, and one made by a subclass costs half as much again.
    out.set(new Uint8Array(source.buffer, source.byteOffset + start, length), at);
  }
  return at + length;
}

/** A copy of `bytes[start, end)` in memory of its own. */
export function ownBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copyBytes(copy, 0, bytes, start, end);
  return copy;
}
