/** Something that can stand in one `RecencyList`; the list alone touches these fields. */
export interface Recent<T> {
  older: T | null;
  newer: T | null;
  inList: boolean;
}

/** Keeps its items in the order in which they were last used; every operation takes constant time. */
export class RecencyList<T extends Recent<T>> {
  size = 0;
  #oldest: T | null = null;
  #newest: T | null = null;

  /** The one not used for longest. */
  get oldest(): T | null {
    return this.#oldest;
  }

  /** Was used just now; is added if it was not there. */
  touch(item: T): void {
    if (item === this.#newest) return;
    this.delete(item);
    item.inList = true;
    item.older = this.#newest;
    if (this.#newest === null) this.#oldest = item;
    else this.#newest.newer = item;
    this.#newest = item;
    this.size++;
  }

  delete(item: T): void {
    if (!item.inList) return;
    if (item.older === null) this.#oldest = item.newer;
    else item.older.newer = item.newer;
    if (item.newer === null) this.#newest = item.older;
    else item.newer.older = item.older;
    item.older = null;
    item.newer = null;
    item.inList = false;
    this.size--;
  }
}
