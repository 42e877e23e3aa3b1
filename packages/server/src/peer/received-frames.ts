/** A frame in the window: open, or dealt with but not all before it. */
const OPEN_LOOSE = 1;
const OPEN_HELD = 2;
const DONE_LOOSE = 3;
const DONE_HELD = 4;

const FIRST_CAPACITY = 64;
/** Numbers that may be skipped while others are open. A peer that follows the protocol never gets near. */
const MAX_OPEN_NUMBERS = 4 * 1024 * 1024;

/** Hears of held frames that were dealt with as something other than a success, in the order of their numbers. */
export type ExceptionListener = (number: number, reason: number) => void;

/**
 * Which data frames of a peer have come and are not dealt with. They are dealt with in any order, and answered in the order of
 * their numbers.
 *
 *        first               next
 *          |                   |
 *     … [open][done][open][done]  …      numbers
 */
export class ReceivedFrames {
  /** The lowest number that is not dealt with, or `next`. */
  first = 1;
  /** The number that comes next. */
  next = 1;
  /** Bytes of frames that are not dealt with. */
  openBytes = 0;
  /** Held frames before `first`, ever. */
  heldAnswered = 0;
  readonly #onException: ExceptionListener;
  #capacity = 0;
  #states = new Uint8Array(0);
  #reasons = new Uint8Array(0);
  #bytes = new Uint32Array(0);

  constructor(onException: ExceptionListener) {
    this.#onException = onException;
  }

  /** The frame with the number `next` has come. */
  add(held: boolean, bytes: number): void {
    this.#put(held ? OPEN_HELD : OPEN_LOOSE, bytes);
    this.openBytes += bytes;
  }

  /**
   * Numbers up to `through` will not come.
   * @returns false: too many to be true
   */
  skip(through: number): boolean {
    if (through < this.next) return true;
    if (this.first === this.next) {
      this.first = through + 1;
      this.next = through + 1;
      return true;
    }
    if (through - this.first >= MAX_OPEN_NUMBERS) return false;
    while (this.next <= through) this.#put(DONE_LOOSE, 0);
    return true;
  }

  /** @returns whether it was open */
  done(number: number, reason: number): boolean {
    if (number < this.first || number >= this.next) return false;
    const at = number & (this.#capacity - 1);
    const state = this.#states[at]!;
    if (state > OPEN_HELD) return false;
    this.openBytes -= this.#bytes[at]!;
    this.#states[at] = state + (DONE_LOOSE - OPEN_LOOSE);
    this.#reasons[at] = reason;
    if (number === this.first) this.#advance();
    return true;
  }

  #advance(): void {
    const mask = this.#capacity - 1;
    while (this.first < this.next) {
      const at = this.first & mask;
      const state = this.#states[at]!;
      if (state < DONE_LOOSE) return;
      if (state === DONE_HELD) {
        this.heldAnswered++;
        if (this.#reasons[at] !== 0) this.#onException(this.first, this.#reasons[at]!);
      }
      this.first++;
    }
  }

  #put(state: number, bytes: number): void {
    if (this.next - this.first >= this.#capacity) this.#grow();
    const at = this.next & (this.#capacity - 1);
    this.#states[at] = state;
    this.#bytes[at] = bytes;
    this.next++;
  }

  #grow(): void {
    const from = { capacity: this.#capacity, states: this.#states, reasons: this.#reasons, bytes: this.#bytes };
    this.#capacity = Math.max(FIRST_CAPACITY, from.capacity * 2);
    this.#states = new Uint8Array(this.#capacity);
    this.#reasons = new Uint8Array(this.#capacity);
    this.#bytes = new Uint32Array(this.#capacity);
    for (let number = this.first; number < this.next; number++) {
      const source = number & (from.capacity - 1);
      const target = number & (this.#capacity - 1);
      this.#states[target] = from.states[source]!;
      this.#reasons[target] = from.reasons[source]!;
      this.#bytes[target] = from.bytes[source]!;
    }
  }
}
