import type { Wire } from '../generator/wire.ts';

const PAYLOAD = /^sample (?<sample>\d{6}) sent (?<sentAt>\d{12}\.\d{3})$/;

/** Text, so that nothing of it looks like a packet; of one length. @param sentAt in ms */
export function encodeStamp(sample: number, sentAt: number): Buffer {
  return Buffer.from(`sample ${String(sample).padStart(6, '0')} sent ${sentAt.toFixed(3).padStart(16, '0')}`);
}

const STAMP_BYTES = encodeStamp(0, 0).length;

/**
 * Reads what comes after a SUBSCRIBE: an answer to it, and messages on its topic before or after that. Keeps when the answer was there,
 * and when the first message was, with what is in it. Anything else throws.
 */
export class FirstMessage {
  /** Both null until they have come. */
  answeredAt: number | null = null;
  first: { readonly at: number; readonly sentAt: number } | null = null;
  readonly #wire: Wire;
  readonly #sample: number;
  readonly #firstByte: number;
  readonly #size: number;
  readonly #payloadOffset: number;
  readonly #head: Buffer;
  #rest = Buffer.alloc(0);

  constructor(wire: Wire, topic: string, sample: number) {
    const { firstByte, size, payloadOffset } = wire.deliveryShape(topic, STAMP_BYTES);
    this.#wire = wire;
    this.#sample = sample;
    this.#firstByte = firstByte;
    this.#size = size;
    this.#payloadOffset = payloadOffset;
    this.#head = wire.delivery(topic, Buffer.alloc(STAMP_BYTES), 0).subarray(0, payloadOffset);
  }

  take(bytes: Buffer, now: number): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length > 0) {
      const length = this.#rest[0] === this.#firstByte ? this.#message(now) : this.#answer(now);
      if (length === 0) return;
      this.#rest = this.#rest.subarray(length);
    }
  }

  #message(now: number): number {
    if (this.#rest.length < this.#size) return 0;
    if (this.first !== null) return this.#size;
    if (!this.#rest.subarray(0, this.#payloadOffset).equals(this.#head)) throw new Error('a message on another topic');
    const text = this.#rest.toString('latin1', this.#payloadOffset, this.#payloadOffset + STAMP_BYTES);
    const groups = PAYLOAD.exec(text)?.groups;
    if (Number(groups?.sample) !== this.#sample) throw new Error(`a message of another sample, or altered: ${text}`);
    this.first = { at: now, sentAt: Number(groups!.sentAt) };
    return this.#size;
  }

  #answer(now: number): number {
    const length = this.#wire.subscribeAnswer(this.#rest);
    if (length > 0) this.answeredAt ??= now;
    return length;
  }
}
