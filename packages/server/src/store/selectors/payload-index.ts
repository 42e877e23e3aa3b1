import type { PayloadCondition } from '../selector.ts';
import { type PayloadPath, parsePath } from './payload-path.ts';

/** Values at one path, one of which every event has that the condition holds for. */
export interface PayloadKeys {
  readonly path: string;
  readonly values: readonly Primitive[];
}

type Primitive = string | number | boolean | null;

/** @returns what an event must have for `where` to hold: an `eq` or `in` that stands alone or in an `and`; null: no such */
export function payloadKeys(where: PayloadCondition): PayloadKeys | null {
  if ('and' in where) {
    for (const inner of where.and) {
      const keys = payloadKeys(inner);
      if (keys !== null) return keys;
    }
    return null;
  }
  if (!('path' in where)) return null;
  const { path, op, value } = where;
  if (op === 'eq') return isPrimitive(value) ? { path, values: [value] } : null;
  return op === 'in' && value.every(isPrimitive) ? { path, values: value } : null;
}

const isPrimitive = (value: unknown): value is Primitive => typeof value !== 'object' || value === null;

/** Those that look at one path. */
interface PathEntry<T> {
  readonly path: PayloadPath;
  readonly byValue: Map<unknown, Set<T>>;
}

/** Items by a value at a path of the data: each path is looked at once, however many items there are. */
export class PayloadIndex<T> {
  readonly #paths = new Map<string, PathEntry<T>>();

  /** @returns false: there are no keys to find it by */
  add(item: T, keys: PayloadKeys | null): boolean {
    if (keys === null) return false;
    let entry = this.#paths.get(keys.path);
    if (entry === undefined) {
      entry = { path: parsePath(keys.path), byValue: new Map() };
      this.#paths.set(keys.path, entry);
    }
    for (const value of keys.values) {
      const items = entry.byValue.get(value);
      if (items === undefined) entry.byValue.set(value, new Set([item]));
      else items.add(item);
    }
    return true;
  }

  remove(item: T, keys: PayloadKeys | null): void {
    if (keys === null) return;
    const entry = this.#paths.get(keys.path);
    if (entry === undefined) return;
    for (const value of keys.values) {
      const items = entry.byValue.get(value);
      if (items?.delete(item) === true && items.size === 0) entry.byValue.delete(value);
    }
    if (entry.byValue.size === 0) this.#paths.delete(keys.path);
  }

  paths(): Iterable<PathEntry<T>> {
    return this.#paths.values();
  }
}
