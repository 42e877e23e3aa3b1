import { randomFillSync } from 'node:crypto';

export const UUID_BYTES = 16;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const POOL_BYTES = 4096;

/** @returns whether `text` is a UUID of any version, in any case */
export function isUuid(text: string): boolean {
  return text.length === 36 && UUID.test(text);
}

/** @param text is a UUID */
export function writeUuid(out: Buffer, at: number, text: string): void {
  out.write(text.replaceAll('-', ''), at, UUID_BYTES, 'hex');
}

/** @returns the UUID in lower case */
export function readUuid(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + UUID_BYTES);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Makes UUIDs v7 (RFC 9562 §5.7) that ascend within a process: 48 bits of milliseconds, 12 of a counter, 62 random. */
export class UuidV7 {
  readonly #wallMs: () => number;
  readonly #pool = Buffer.allocUnsafe(POOL_BYTES);
  #poolAt = POOL_BYTES;
  #lastMs = 0;
  #counter = 0;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /** Writes 16 bytes at `at`. */
  write(out: Buffer, at: number): void {
    const now = Math.floor(this.#wallMs());
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#counter = 0;
    } else if (++this.#counter > 0xfff) {
      // More than 4,096 within a millisecond, or the clock went back: run ahead of it (RFC 9562 §6.2).
      this.#lastMs++;
      this.#counter = 0;
    }
    out.writeUIntBE(this.#lastMs, at, 6);
    out.writeUInt16BE(0x7000 | this.#counter, at + 6);
    if (this.#poolAt + 8 > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#poolAt = 0;
    }
    this.#pool.copy(out, at + 8, this.#poolAt, this.#poolAt + 8);
    this.#poolAt += 8;
    out[at + 8] = (out[at + 8]! & 0x3f) | 0x80;
  }

  next(): string {
    const bytes = Buffer.allocUnsafe(UUID_BYTES);
    this.write(bytes, 0);
    return readUuid(bytes, 0);
  }
}
