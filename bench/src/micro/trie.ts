import { DEFAULT_TOPIC_LIMITS, SubscriptionTrie, TopicTable, TrieEntry } from '@plexus/protocol';
import { measure } from './measure.ts';

const SITES = 100;
const DEVICES = 100;

/** Matches per second without the cache of recent topics, and look-ups per second in it. */
export function trieBenchmarks(): void {
  const trie = new SubscriptionTrie<TrieEntry>();
  const topics: string[] = [];
  for (let site = 0; site < SITES; site++) {
    trie.add(`plant/site${site}/#`, new TrieEntry());
    for (let device = 0; device < DEVICES; device++) {
      trie.add(`plant/site${site}/device${device}/temperature`, new TrieEntry());
      topics.push(`plant/site${site}/device${device}/temperature`);
    }
  }
  trie.add('plant/+/device7/+', new TrieEntry());
  let matches = 0;
  const visit = (): void => {
    matches++;
  };
  measure(`match in a trie of ${trie.size} filters, ${topics.length} topics`, topics.length, () => {
    for (const topic of topics) trie.match(topic, visit);
    return matches;
  });
  measure('add and remove a filter', 1_000, () => {
    const entry = new TrieEntry();
    for (let turn = 0; turn < 1_000; turn++) {
      trie.add('plant/site3/device3/pressure', entry);
      trie.remove(entry);
    }
    return trie.size;
  });
  lookups(topics.slice(0, 1_000));
}

function lookups(names: readonly string[]): void {
  const table = new TopicTable(4_096, DEFAULT_TOPIC_LIMITS);
  const encoded = names.map((name) => Buffer.from(name));
  measure(`look up ${names.length} recent topics by their bytes`, names.length, () => {
    let sum = 0;
    for (const bytes of encoded) sum ^= table.lookup(bytes, 0, bytes.length).hash;
    return sum;
  });
}
