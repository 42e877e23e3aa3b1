import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { Fifo } from './fifo.ts';

describe('a fifo', () => {
  it('behaves as an array does, whatever is done to it', () => {
    const action = fc.constantFrom('push' as const, 'push' as const, 'shift' as const, 'pop' as const);
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        actions.forEach((act, i) => {
          if (act === 'push') {
            fifo.push(i);
            model.push(i);
          } else expect(fifo[act]()).toBe(model[act]());
          expect(fifo.length).toBe(model.length);
          expect(fifo.peek()).toBe(model[0]);
        });
        expect(Array.from(model, () => fifo.shift())).toEqual(model);
      }),
      seeded(300),
    );
  });
});
