import type { Delivery } from './delivery.ts';

/** Deliveries by position, the first on top. Adding one that comes after all others, as most do, is one comparison. */
export class DeliveryHeap {
  readonly #items: Delivery[] = [];

  get size(): number {
    return this.#items.length;
  }

  peek(): Delivery | null {
    return this.#items[0] ?? null;
  }

  push(delivery: Delivery): void {
    const items = this.#items;
    let at = items.length;
    items.push(delivery);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]!.position <= delivery.position) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = delivery;
  }

  pop(): Delivery | null {
    const items = this.#items;
    const first = items[0];
    if (first === undefined) return null;
    const last = items.pop()!;
    if (items.length > 0) this.#sink(last);
    return first;
  }

  #sink(delivery: Delivery): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.position < items[child]!.position) child++;
      if (items[child]!.position >= delivery.position) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = delivery;
  }
}
