import type { Random } from '../random.ts';

/** Draws ranks from 0 on by Zipf's law: the n-th is drawn in proportion to n^-exponent. */
export class Zipf {
  readonly #sums: number[] = [];

  constructor(count: number, exponent: number) {
    let sum = 0;
    for (let rank = 1; rank <= count; rank++) {
      sum += rank ** -exponent;
      this.#sums.push(sum);
    }
  }

  draw(random: Random): number {
    const at = random.fraction() * this.#sums.at(-1)!;
    let [low, high] = [0, this.#sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sums[middle]! <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
