const FIRST_CAPACITY = 16;

/**
 * A queue on a ring of slots that doubles when full. It has no bound of its own: whoever pushes checks one first.
 */
export class Fifo<T> {
  length = 0;
  #slots: (T | undefined)[] = new Array<T | undefined>(FIRST_CAPACITY);
  #first = 0;

  push(item: T): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.length) & (this.#slots.length - 1)] = item;
    this.length++;
  }

  /** The oldest, left in place. */
  peek(): T | undefined {
    return this.length === 0 ? undefined : this.#slots[this.#first];
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#slots[this.#first];
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.length--;
    return item;
  }

  /** Takes the newest. */
  pop(): T | undefined {
    if (this.length === 0) return undefined;
    this.length--;
    const at = (this.#first + this.length) & (this.#slots.length - 1);
    const item = this.#slots[at];
    this.#slots[at] = undefined;
    return item;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<T | undefined>(old.length * 2);
    for (let i = 0; i < this.length; i++) this.#slots[i] = old[(this.#first + i) & (old.length - 1)];
    this.#first = 0;
  }
}
