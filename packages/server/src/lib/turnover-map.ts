/**
 * A map, in order of insertion, for values that come and go by the thousand per second.
 *
 * A `Map` that is added to and deleted from moves to a new table again and again. V8 lets each old table point to what
 * was in it then and to its successor. Once one of them has reached the old space, every later one survives each
 * collection of the young space with all that was ever in the map when it moved, until the next full collection: dead
 * connections are copied and promoted as if they were in use. Here the tables have only keys and the places of values,
 * and a place is cleared at once. Keys are numbers or short strings, not objects, for the same reason.
 */
export class TurnoverMap<K extends number | string, V extends object> {
  readonly #places = new Map<K, number>();
  /** As long as the map was large; a cleared place is taken again. */
  readonly #values: (V | null)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.size;
  }

  has(key: K): boolean {
    return this.#places.has(key);
  }

  get(key: K): V | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#values[place]!;
  }

  /** A key that is there keeps its turn. */
  set(key: K, value: V): void {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#free.pop() ?? this.#values.length;
      this.#places.set(key, place);
    }
    this.#values[place] = value;
  }

  /** @returns whether it was there */
  delete(key: K): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.#values[place] = null;
    this.#free.push(place);
    return this.#places.delete(key);
  }

  keys(): IterableIterator<K> {
    return this.#places.keys();
  }

  /** As with a `Map`, what is deleted meanwhile is not visited any more, and what is added is. */
  *values(): IterableIterator<V> {
    for (const place of this.#places.values()) yield this.#values[place]!;
  }
}
