import { describe, expect, test } from 'vitest';
import { SubscriptionTrie, TrieEntry, TrieNode } from './subscription-trie.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Nodes that a match looks at, counted by what it has to ask of each: whether there is a child for `+`, or entries. */
function visitedBy(trie: SubscriptionTrie<TrieEntry>, topic: string): { nodes: number; matches: number } {
  const seen = new Set<TrieNode>();
  let matches = 0;
  watch(trie, (node) => seen.add(node));
  trie.match(topic, () => matches++);
  return { nodes: seen.size, matches };
}

function watch(trie: SubscriptionTrie<TrieEntry>, look: (node: TrieNode) => void): void {
  for (const node of allNodes(trie)) {
    const { plus, entries } = node;
    const watched = <T>(value: T): PropertyDescriptor => ({
      get: () => {
        look(node);
        return value;
      },
    });
    Object.defineProperties(node, { plus: watched(plus), entries: watched(entries) });
  }
}

function allNodes(trie: SubscriptionTrie<TrieEntry>): TrieNode[] {
  // Any entry leads to the root by its parents.
  const probe = new TrieEntry();
  trie.add('probe', probe);
  let root = probe.node!;
  while (root.parent !== null) root = root.parent;
  trie.remove(probe);
  const nodes: TrieNode[] = [];
  const add = (node: TrieNode | null): void => {
    if (node === null) return;
    nodes.push(node);
    const { children } = node;
    for (const child of children instanceof TrieNode ? [children] : (children?.values() ?? [])) add(child);
    add(node.plus);
  };
  add(root);
  return nodes;
}

function trieOf(filters: readonly string[]): SubscriptionTrie<TrieEntry> {
  const trie = new SubscriptionTrie<TrieEntry>();
  for (const filter of filters) trie.add(filter, new TrieEntry());
  return trie;
}

describe('matching', () => {
  test('looks at few nodes among 100,000 wildcard filters that almost match', () => {
    const trie = trieOf(
      range(100_000).map((i) => [`a/+/line/+/s${i}`, `+/+/+/s${i}/#`, `a/area/+/s${i}/+`, `s${i}/#`][i % 4]!),
    );
    const { nodes, matches } = visitedBy(trie, 'a/area/line/7/temperature');
    expect(matches).toBe(0);
    expect(nodes).toBeLessThan(40);
  });

  test('looks at no more nodes than 2^(levels + 1), and than there are', () => {
    const levels = 10;
    const filters = range(2 ** levels).map((i) =>
      range(levels)
        .map((bit) => ((i >> bit) & 1 ? '+' : 'a'))
        .join('/'),
    );
    const { nodes, matches } = visitedBy(trieOf(filters), filters[0]!);
    expect(matches).toBe(2 ** levels);
    expect(nodes).toBeLessThan(2 ** (levels + 1));
  });

  test('looks at a node per level for filters of many levels', () => {
    const deep = range(100).map((i) => (i % 2 === 0 ? '+' : 'a'));
    const filters = range(100).map((i) => `${deep.slice(0, i + 1).join('/')}/#`);
    const { nodes, matches } = visitedBy(trieOf(filters), deep.map(() => 'a').join('/'));
    expect(matches).toBe(100);
    expect(nodes).toBeLessThan(110);
  });

  test('works for as many levels as an option allows', () => {
    const many = range(1024).map(() => 'a');
    const trie = trieOf([many.map(() => '+').join('/'), `${many.slice(1).join('/')}/#`, many.join('/')]);
    let matches = 0;
    trie.match(many.join('/'), () => matches++);
    expect(matches).toBe(3);
  });
});
