const FIRST_BYTES = 64 * 1024;
/** UTF-8 needs at most three bytes for a UTF-16 code unit. */
const UTF8_FACTOR = 3;

/** A buffer that grows as it is written to, front to back. */
export class ByteSink {
  buffer: Buffer;
  length = 0;
  readonly #firstBytes: number;

  constructor(firstBytes = FIRST_BYTES) {
    this.#firstBytes = firstBytes;
    this.buffer = Buffer.allocUnsafeSlow(firstBytes);
  }

  /** Makes room for `bytes` more. @returns where they go; the caller fills them */
  reserve(bytes: number): number {
    const at = this.length;
    const needed = at + bytes;
    if (needed > this.buffer.length) this.#grow(needed);
    this.length = needed;
    return at;
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.buffer[at] = value;
  }

  u32(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeUInt32LE(value, at);
  }

  f64(value: number): void {
    const at = this.reserve(8);
    this.buffer.writeDoubleLE(value, at);
  }

  bytes(source: Uint8Array): void {
    const at = this.reserve(source.length);
    this.buffer.set(source, at);
  }

  /** @returns how many bytes it took */
  utf8(text: string): number {
    const at = this.length;
    const most = at + text.length * UTF8_FACTOR;
    if (most > this.buffer.length) this.#grow(most);
    const written = this.buffer.write(text, at);
    this.length = at + written;
    return written;
  }

  /** Takes back everything from `length` on. */
  truncate(length: number): void {
    this.length = length;
  }

  /** @returns what was written, in a buffer of its own that may be transferred; the sink is empty after it */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafeSlow(this.#firstBytes);
    this.length = 0;
    return taken;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
