import type { AbortOptions } from '@libp2p/interface';
import type { Batch, Datastore, Key, KeyQuery, Pair, Query } from 'interface-datastore';

/** What every datastore of libp2p has to offer beside the few calls that differ. */
export abstract class PlainDatastore implements Datastore {
  abstract put(key: Key, value: Uint8Array): Key;
  /** @throws {NotFoundError} of libp2p */
  abstract get(key: Key): Uint8Array;
  abstract has(key: Key): boolean;
  abstract delete(key: Key): void;
  /** All that begins with `prefix`, as it is now. */
  protected abstract entries(prefix: string): Pair[];

  *putMany(source: Iterable<Pair> | AsyncIterable<Pair>): Generator<Key> {
    for (const { key, value } of source as Iterable<Pair>) yield this.put(key, value);
  }

  *getMany(source: Iterable<Key> | AsyncIterable<Key>): Generator<Pair> {
    for (const key of source as Iterable<Key>) yield { key, value: this.get(key) };
  }

  *deleteMany(source: Iterable<Key> | AsyncIterable<Key>): Generator<Key> {
    for (const key of source as Iterable<Key>) {
      this.delete(key);
      yield key;
    }
  }

  batch(): Batch {
    const work: (() => void)[] = [];
    return {
      put: (key, value) => void work.push(() => this.put(key, value)),
      delete: (key) => void work.push(() => this.delete(key)),
      commit: () => {
        for (const each of work.splice(0)) each();
      },
    };
  }

  *query({ prefix, filters, orders, offset, limit }: Query, options?: AbortOptions): Generator<Pair> {
    options?.signal?.throwIfAborted();
    let found = this.entries(prefix ?? '/');
    for (const filter of filters ?? []) found = found.filter(filter);
    for (const order of orders ?? []) found.sort(order);
    yield* found.slice(offset ?? 0, limit === undefined ? undefined : (offset ?? 0) + limit);
  }

  *queryKeys({ prefix, filters, orders, offset, limit }: KeyQuery, options?: AbortOptions): Generator<Key> {
    options?.signal?.throwIfAborted();
    let found = this.entries(prefix ?? '/').map(({ key }) => key);
    for (const filter of filters ?? []) found = found.filter(filter);
    for (const order of orders ?? []) found.sort(order);
    yield* found.slice(offset ?? 0, limit === undefined ? undefined : (offset ?? 0) + limit);
  }
}
