import { expect, it } from 'vitest';
import { Departed } from './departed.ts';

it('a start of a node that left is known to have left, and those before it; a later one is not', () => {
  const departed = new Departed(10);
  departed.add('a', 5, 0);
  expect([4, 5, 6].map((incarnation) => departed.has('a', incarnation))).toEqual([true, true, false]);
  expect(departed.has('b', 1)).toBe(false);
  departed.delete('a');
  expect(departed.has('a', 5)).toBe(false);
});

it('those that left first are forgotten: when there are too many, and after a time', () => {
  const departed = new Departed(2);
  departed.add('a', 1, 0);
  departed.add('b', 1, 10);
  departed.add('a', 2, 20);
  departed.add('c', 1, 30);
  const known = () => ['a', 'b', 'c'].filter((nodeId) => departed.has(nodeId, 1));
  expect(known()).toEqual(['a', 'c']);
  departed.sweep(30);
  expect(known()).toEqual(['c']);
});
