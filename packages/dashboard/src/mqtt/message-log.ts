import { Changes, type Live } from '../ui/changes.ts';

/** Everything the page keeps of a message. */
export interface Received {
  /** Counts from 1, without gaps: which message this was. */
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly topic: string;
  /** At most `KEPT_PAYLOAD_BYTES`. */
  readonly payload: Uint8Array;
  /** The length it had. */
  readonly payloadBytes: number;
  readonly qos: number;
  readonly retained: boolean;
  readonly contentType: string | null;
}

export type Arriving = Omit<Received, 'id' | 'payloadBytes'>;

/** How many messages the list holds, newest last; older ones go. */
export const KEPT_MESSAGES = 200;
/** How much of each payload is kept: with `KEPT_MESSAGES` about 3 MiB in all. */
export const KEPT_PAYLOAD_BYTES = 16 * 1024;
/** Nobody reads faster; between two drawings the page is free for what arrives and what is typed. */
const DRAW_INTERVAL_MS = 100;
const RATE_WINDOW_MS = 1000;

/** The newest messages, in bounded memory, at any rate. */
export class MessageLog {
  readonly #changes = new Changes(DRAW_INTERVAL_MS);
  /** Slot `id % KEPT_MESSAGES`. */
  readonly #ring: Received[] = [];
  #count = 0;
  /** Messages before this were cleared. */
  #clearedTo = 0;
  #frozen: { readonly messages: readonly Received[]; readonly count: number } | null = null;
  #windowStartMs = 0;
  #windowCount = 0;
  #perSecond = 0;

  get live(): Live {
    return this.#changes;
  }

  /** How many arrived since the page was loaded or the list cleared. */
  get count(): number {
    return this.#count - this.#clearedTo;
  }

  get paused(): boolean {
    return this.#frozen !== null;
  }

  /** How many arrived since `pause`. */
  get sincePause(): number {
    return this.#frozen === null ? 0 : this.#count - this.#frozen.count;
  }

  /** Copies what it keeps: the payload may be a view of a larger buffer. */
  add(message: Arriving): void {
    const { payload } = message;
    const id = ++this.#count;
    this.#ring[id % KEPT_MESSAGES] = {
      ...message,
      id,
      payload: payload.slice(0, KEPT_PAYLOAD_BYTES),
      payloadBytes: payload.length,
    };
    this.#windowCount++;
    this.#changes.changed();
  }

  /** Messages per second, over the last second or a little more. @param nowMs milliseconds since 1970 */
  rate(nowMs: number): number {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= RATE_WINDOW_MS) {
      this.#perSecond = Math.round((this.#windowCount * 1000) / elapsedMs);
      this.#windowStartMs = nowMs;
      this.#windowCount = 0;
    }
    return this.#perSecond;
  }

  /** What is to be shown, oldest first: while paused, what was there at the time. */
  messages(): readonly Received[] {
    return this.#frozen?.messages ?? this.#newest();
  }

  pause(): void {
    this.#frozen ??= { messages: this.#newest(), count: this.#count };
    this.#changes.changed();
  }

  resume(): void {
    this.#frozen = null;
    this.#changes.changed();
  }

  /** Empties the list and starts counting again. */
  clear(): void {
    this.#clearedTo = this.#count;
    this.#ring.length = 0;
    if (this.#frozen !== null) this.#frozen = { messages: [], count: this.#count };
    this.#changes.changed();
  }

  #newest(): Received[] {
    const messages: Received[] = [];
    for (let id = Math.max(this.#clearedTo, this.#count - KEPT_MESSAGES) + 1; id <= this.#count; id++) {
      messages.push(this.#ring[id % KEPT_MESSAGES]!);
    }
    return messages;
  }
}
