import type { Condition, Index } from './read-filter.ts';
import { AllOf, AnyOf, type Budget, IndexList, type List } from './read-lists.ts';

/** Lists that are merged; more, and the store is looked through instead. */
const MOST_LISTS = 64;
/** A list with so many times the entries of another is not worth merging: looking at the events is as quick. */
const WORTH_MERGING = 16;

/** How lists are made of what indexes say. */
export interface ListMaker {
  readonly file: string;
  readonly isForwards: boolean;
  readonly budget: Budget;
  /** Asked before lists are merged. @throws store_damaged */
  readonly believe: () => void;
}

/**
 * The events that a read has to look at, going by indexes: all for which the conditions hold are among them.
 * @returns null: there is no index to go by
 */
export function planOf(conditions: readonly Condition[], maker: ListMaker): List | null {
  const lists: List[] = [];
  let left = MOST_LISTS;
  for (const { index } of conditions) {
    if (index === null) continue;
    const count = countLists(index);
    if (count > left) continue;
    left -= count;
    lists.push(listOf(index, maker));
  }
  return lists.length === 0 ? null : merge(lists, maker);
}

function countLists(index: Index): number {
  return index.kind === 'entries' ? 1 : index.of.reduce((sum, one) => sum + countLists(one), 0);
}

function listOf(index: Index, maker: ListMaker): List {
  if (index.kind === 'entries') return new IndexList(maker.file, index.source, maker.isForwards, maker.budget);
  const lists = index.of.map((one) => listOf(one, maker));
  if (index.kind === 'all') return merge(lists, maker);
  return lists.length === 1 ? lists[0]! : new AnyOf(lists);
}

function merge(lists: readonly List[], { budget, believe }: ListMaker): List {
  const sorted = lists.toSorted((a, b) => a.estimate - b.estimate);
  const fewest = sorted[0]!;
  const worth = sorted.filter((list) => list.estimate <= fewest.estimate * WORTH_MERGING);
  if (worth.length === 1) return fewest;
  // An entry that was changed into another is noticed by the event that it leads to; here not all are looked at.
  believe();
  return new AllOf(worth, budget);
}
