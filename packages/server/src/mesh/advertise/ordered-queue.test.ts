import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { type Ordered, OrderedQueue } from './ordered-queue.ts';

it('the first is the lowest, whatever is added and taken out', () => {
  const add = fc.nat(3).map((die) => die > 0);
  const step = fc.record({ add, order: fc.nat(1000), pick: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
      const queue = new OrderedQueue<Ordered>();
      const model: Ordered[] = [];
      for (const { add, order, pick } of steps) {
        if (add || model.length === 0) {
          const item = { order, place: -1 };
          queue.add(item);
          model.push(item);
        } else {
          const [item] = model.splice(pick % model.length, 1);
          queue.delete(item!);
          expect(item!.place).toBe(-1);
        }
        const lowest = model.length === 0 ? null : Math.min(...model.map((item) => item.order));
        expect(queue.first?.order ?? null).toBe(lowest);
        expect(new Set(model.map((item) => item.place)).size).toBe(model.length);
      }
      const left: number[] = [];
      for (let first = queue.first; first !== null; first = queue.first) {
        left.push(first.order);
        queue.delete(first);
      }
      expect(left).toEqual(model.map((item) => item.order).sort((a, b) => a - b));
    }),
    seeded(300),
  );
});
