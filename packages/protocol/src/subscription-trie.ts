/**
 * An entry's place in a trie. Extend it, or embed its two fields: the trie sets them, and uses them to take
 * the entry out again in constant time.
 */
export class TrieEntry {
  /** null while in no trie. */
  node: TrieNode | null = null;
  /** Index among the node's entries. */
  slot = -1;
}

export class TrieNode {
  readonly parent: TrieNode | null;
  readonly level: string;
  /** The children for literal levels: none, the one there is (most nodes of deep filters have one, and a map is ten times as large), or a map. */
  children: TrieNode | Map<string, TrieNode> | null = null;
  /** The child for `+`. */
  plus: TrieNode | null = null;
  /** The child for `#`; it has no children. */
  hash: TrieNode | null = null;
  entries: TrieEntry[] | null = null;

  constructor(parent: TrieNode | null, level: string) {
    this.parent = parent;
    this.level = level;
  }

  get empty(): boolean {
    return this.entries === null && this.children === null && this.plus === null && this.hash === null;
  }
}

/**
 * Subscriptions by topic filter, one node per level. Matching walks at most the nodes that share a prefix with the
 * topic, so a topic of L levels visits at most 2^L nodes and never more than there are.
 *
 * Filters and topics given must be well-formed (`topicFilterProblem`, `topicNameProblem`).
 */
export class SubscriptionTrie<E extends TrieEntry> {
  #root = new TrieNode(null, '');
  #size = 0;

  /** Entries held. */
  get size(): number {
    return this.#size;
  }

  /** Adds `entry` under `filter`. The same filter may hold any number of entries. */
  add(filter: string, entry: E): void {
    let node = this.#root;
    for (const level of filter.split('/')) node = childOf(node, level);
    entry.node = node;
    entry.slot = node.entries?.length ?? 0;
    // An array that is pushed to while empty makes room for 17: most filters have one entry.
    if (node.entries === null) node.entries = [entry];
    else node.entries.push(entry);
    this.#size++;
  }

  /** Takes `entry` out, and the nodes that only it needed. Nothing happens if it is in no trie. */
  remove(entry: E): void {
    const node = entry.node;
    if (node === null) return;
    const entries = node.entries!;
    const last = entries.pop()!;
    if (last !== entry) {
      entries[entry.slot] = last;
      last.slot = entry.slot;
    }
    if (entries.length === 0) node.entries = null;
    entry.node = null;
    entry.slot = -1;
    this.#size--;
    prune(node);
  }

  /** Calls `visit` for every entry whose filter matches `topic`, once per entry, in no particular order. */
  match(topic: string, visit: (entry: E) => void): void {
    // [MQTT-4.7.2-1]: a filter that starts with a wildcard does not match topics that start with $.
    const wildcardsFrom = topic.startsWith('$') ? 1 : 0;
    walk(this.#root, topic.split('/'), 0, wildcardsFrom, visit as (entry: TrieEntry) => void);
  }
}

function walk(
  node: TrieNode,
  levels: string[],
  depth: number,
  wildcardsFrom: number,
  visit: (entry: TrieEntry) => void,
): void {
  // `a/#` also matches `a` itself, MQTT 5.0 §4.7.1.2: so the look at `#` comes before the end of the topic.
  if (depth >= wildcardsFrom && node.hash !== null) visitAll(node.hash, visit);
  if (depth === levels.length) {
    visitAll(node, visit);
    return;
  }
  const child = literalChild(node, levels[depth]!);
  if (child !== null) walk(child, levels, depth + 1, wildcardsFrom, visit);
  if (depth >= wildcardsFrom && node.plus !== null) walk(node.plus, levels, depth + 1, wildcardsFrom, visit);
}

function visitAll(node: TrieNode, visit: (entry: TrieEntry) => void): void {
  const entries = node.entries;
  if (entries === null) return;
  for (let i = 0; i < entries.length; i++) visit(entries[i]!);
}

function childOf(node: TrieNode, level: string): TrieNode {
  if (level === '+') {
    node.plus ??= new TrieNode(node, level);
    return node.plus;
  }
  if (level === '#') {
    node.hash ??= new TrieNode(node, level);
    return node.hash;
  }
  return literalChild(node, level) ?? addLiteralChild(node, level);
}

function literalChild({ children }: TrieNode, level: string): TrieNode | null {
  if (children === null) return null;
  if (children instanceof TrieNode) return children.level === level ? children : null;
  return children.get(level) ?? null;
}

function addLiteralChild(node: TrieNode, level: string): TrieNode {
  const child = new TrieNode(node, level);
  const { children } = node;
  if (children === null) node.children = child;
  else if (children instanceof TrieNode) {
    node.children = new Map([
      [children.level, children],
      [level, child],
    ]);
  } else children.set(level, child);
  return child;
}

function prune(node: TrieNode): void {
  for (let parent = node.parent; parent !== null && node.empty; node = parent, parent = node.parent) {
    if (parent.plus === node) parent.plus = null;
    else if (parent.hash === node) parent.hash = null;
    else if (parent.children instanceof Map) {
      parent.children.delete(node.level);
      if (parent.children.size === 0) parent.children = null;
    } else parent.children = null;
  }
}
