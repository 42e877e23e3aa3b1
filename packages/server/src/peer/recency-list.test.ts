import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { RecencyList, type Recent } from './recency-list.ts';

class Item implements Recent<Item> {
  readonly name: number;
  older: Item | null = null;
  newer: Item | null = null;
  inList = false;

  constructor(name: number) {
    this.name = name;
  }
}

describe('a recency list', () => {
  it('has the order of a list that is sorted by last use', () => {
    const operation = fc.record({ item: fc.nat(5), deletes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation), (operations) => {
        const items = Array.from({ length: 6 }, (_, name) => new Item(name));
        const list = new RecencyList<Item>();
        let model: number[] = [];
        for (const { item, deletes } of operations) {
          model = model.filter((name) => name !== item);
          if (deletes) list.delete(items[item]!);
          else {
            list.touch(items[item]!);
            model.push(item);
          }
          const order: number[] = [];
          for (let at = list.oldest; at !== null; at = at.newer) order.push(at.name);
          expect(order).toEqual(model);
          expect(list.size).toBe(model.length);
        }
      }),
      seeded(200),
    );
  });
});
