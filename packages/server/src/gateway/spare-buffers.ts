const FIRST_BYTES = 64 * 1024;
const MAX_BYTES = 1024 * 1024;
const MAX_SPARE = 8;

/** Buffers that come back from the writer, to be written to again: new memory costs more than what is written to it. */
export class SpareBuffers {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  give({ buffer }: Uint8Array): void {
    const isOfUse = buffer.byteLength >= FIRST_BYTES && buffer.byteLength <= MAX_BYTES;
    if (isOfUse && this.#spare.length < MAX_SPARE) this.#spare.push(Buffer.from(buffer));
  }
}
