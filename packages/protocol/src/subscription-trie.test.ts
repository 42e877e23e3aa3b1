import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SubscriptionTrie, TrieEntry } from './subscription-trie.ts';
import { seeded } from './testing/seed.ts';
import { anyFilter, anyTopic } from './testing/topics.ts';
import { topicMatches } from './topic.ts';

class Entry extends TrieEntry {
  readonly filter: string;

  constructor(filter: string) {
    super();
    this.filter = filter;
  }
}

const matches = (trie: SubscriptionTrie<Entry>, topic: string): Entry[] => {
  const found: Entry[] = [];
  trie.match(topic, (entry) => found.push(entry));
  return found;
};

describe('the subscription trie', () => {
  it.each([
    ['#', 'a', true],
    ['#', '$SYS/a', false],
    ['+/a', '$SYS/a', false],
    ['$SYS/#', '$SYS', true],
    ['$SYS/+', '$SYS/a', true],
    ['a/#', 'a', true],
    ['a/#', 'ab', false],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['+', '', true],
    ['/+', '/', true],
    ['+/+', '/', true],
    ['a//b', 'a//b', true],
    ['a/+/b', 'a//b', true],
    ['a/b', 'a/b/', false],
    ['+/$x', 'a/$x', true],
    ['#', 'a/$x', true],
  ])('says of %j and %j: %j [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.2-1]', (filter, topic, expected) => {
    const trie = new SubscriptionTrie<Entry>();
    trie.add(filter, new Entry(filter));
    expect(matches(trie, topic)).toHaveLength(expected ? 1 : 0);
  });

  it('matches as topicMatches says, each entry once, whatever came and went before', () => {
    const action = fc.record({ filter: anyFilter, remove: fc.boolean(), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.array(anyTopic, { maxLength: 10 }), (actions, topics) => {
        const trie = new SubscriptionTrie<Entry>();
        const model: Entry[] = [];
        for (const { filter, remove, pick } of actions) {
          if (remove && model.length > 0) {
            const [entry] = model.splice(pick % model.length, 1);
            trie.remove(entry!);
            trie.remove(entry!);
          } else {
            const entry = new Entry(filter);
            trie.add(filter, entry);
            model.push(entry);
          }
          expect(trie.size).toBe(model.length);
        }
        for (const topic of topics) {
          const expected = model.filter((entry) => topicMatches(entry.filter, topic));
          const found = matches(trie, topic);
          expect(found).toHaveLength(expected.length);
          expect(new Set(found)).toEqual(new Set(expected));
        }
        for (const entry of model) trie.remove(entry);
        expect(trie.size).toBe(0);
        for (const topic of topics) expect(matches(trie, topic)).toEqual([]);
      }),
      seeded(400),
    );
  });

  it('holds many entries under one filter, and takes out the right one', () => {
    const trie = new SubscriptionTrie<Entry>();
    const entries = Array.from({ length: 1000 }, () => new Entry('a/b'));
    for (const entry of entries) trie.add('a/b', entry);
    for (let i = 0; i < entries.length; i += 2) trie.remove(entries[i]!);
    expect(new Set(matches(trie, 'a/b'))).toEqual(new Set(entries.filter((_, i) => i % 2 === 1)));
  });

  it('keeps no node that nothing needs', () => {
    const trie = new SubscriptionTrie<Entry>();
    const [deep, sibling] = [new Entry('a/b/+/#'), new Entry('a/b')];
    trie.add(deep.filter, deep);
    trie.add(sibling.filter, sibling);
    const { node } = sibling;
    trie.remove(deep);
    expect([node?.children, node?.plus, node?.hash]).toEqual([null, null, null]);
    trie.remove(sibling);
    expect(node?.parent?.parent?.children).toBeNull();
  });
});
