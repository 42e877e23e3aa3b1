/** Something that can stand in one `OrderedQueue`; the queue alone touches `place`. */
export interface Ordered {
  /** The lowest is first. Does not change while it stands in a queue. */
  order: number;
  /** Where it stands; -1: in no queue. */
  place: number;
}

/** A binary heap from which anything can be taken out, in logarithmic time. */
export class OrderedQueue<T extends Ordered> {
  readonly #items: T[] = [];

  get first(): T | null {
    return this.#items[0] ?? null;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** It has to stand in this queue. */
  delete(item: T): void {
    const at = item.place;
    item.place = -1;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#rise(last, at);
    if (last.place === at) this.#sink(last, at);
  }

  #rise(item: T, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = this.#items[(at - 1) >> 1]!;
      if (parent.order <= item.order) break;
      this.#put(parent, at);
      at = (at - 1) >> 1;
    }
    this.#put(item, at);
  }

  #sink(item: T, from: number): void {
    const items = this.#items;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.order < items[child]!.order) child++;
      if (items[child]!.order >= item.order) break;
      this.#put(items[child]!, at);
      at = child;
    }
    this.#put(item, at);
  }

  #put(item: T, at: number): void {
    this.#items[at] = item;
    item.place = at;
  }
}
