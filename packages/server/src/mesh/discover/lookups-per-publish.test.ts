import { expect, it } from 'vitest';
import { scene, subscribers } from './testing/lookup-scene.ts';

const TOPICS = 1000;
const PUBLISHES_PER_S = 100;
const HOUR_S = 3600;
const WARM_S = 300;

/** A generator that gives the same numbers every time: the counts below are those of one hour, not of chance. */
function fractions(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Topics by how often they are used: the first as often as the second and third together, and so on. */
function zipf(random: () => number): () => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= TOPICS; rank++) {
    sum += 1 / rank;
    sums.push(sum);
  }
  return () => {
    const at = random() * sum;
    let [low, high] = [0, TOPICS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

it.each(['evenly', 'by Zipf'])(
  'a thousand covered topics of one level, used %s, take a query per hundred publishes at most',
  async (how) => {
    const random = fractions();
    const { lookups, covered, asked, pass, plant } = scene({ random });
    const next = how === 'evenly' ? () => Math.floor(random() * TOPICS) : zipf(random);
    const realm = subscribers('');
    const topics = Array.from({ length: TOPICS }, (_, i) => subscribers(`/${i}`));
    for (const { path } of [realm, ...topics]) covered.add(path);
    let askedBefore = 0;
    let waits = 0;
    for (let second = 0; second < HOUR_S; second++) {
      if (second === WARM_S) askedBefore = asked.length;
      // One in ten has a subscriber, which advertises itself in time.
      if (second % 240 === 0) for (let i = 0; i < TOPICS; i += 10) plant(topics[i]!, `peer ${i}`);
      for (let i = 0; i < PUBLISHES_PER_S; i++) {
        for (const key of [realm, topics[next()]!]) if (!lookups.get(key).isComplete && second >= WARM_S) waits++;
      }
      await pass(1000, 500);
    }
    const publishes = (HOUR_S - WARM_S) * PUBLISHES_PER_S;
    expect((asked.length - askedBefore) / publishes).toBeLessThanOrEqual(0.01);
    // They are refreshed all the same.
    expect(lookups.counters.queries.subscriber.refresh).toBeGreaterThan(TOPICS);
    expect(waits / publishes).toBeLessThan(0.001);
    expect(lookups.get(topics[0]!).targets.size).toBe(1);
  },
  60_000,
);
