import type { Message } from './message.ts';
import type { RetainedStore } from './retained-store.ts';

/** What a level of a topic costs that no other topic shares, roughly: a node and its map. */
const LEVEL_BYTES = 250;

class TopicNode {
  children: Map<string, TopicNode> | null = null;
  message: Message | null = null;
}

/** Retained messages that live as long as the process: a tree of topic levels per realm. */
export class MemoryRetainedStore implements RetainedStore {
  messages = 0;
  bytes = 0;
  onExpired: RetainedStore['onExpired'] = () => {};
  readonly #limits: { maxRetainedMessages: number; maxRetainedBytes: number };
  readonly #realms = new Map<string, TopicNode>();
  /** Those that expire some day, with their realm; looked at in turn. */
  readonly #expiring = new Map<Message, string>();

  constructor(limits: { maxRetainedMessages: number; maxRetainedBytes: number }) {
    this.#limits = limits;
  }

  fits(realm: string, message: Message): boolean {
    const earlier = this.get(realm, message.topic.name);
    return (
      this.messages + (earlier === null ? 1 : 0) <= this.#limits.maxRetainedMessages &&
      this.bytes + costOf(message) - costOf(earlier) <= this.#limits.maxRetainedBytes
    );
  }

  set(realm: string, message: Message): boolean {
    if (!this.fits(realm, message)) return false;
    message.compact();
    const node = this.#make(realm, message.topic.name.split('/'));
    if (node.message === null) this.messages++;
    else this.#expiring.delete(node.message);
    this.bytes += costOf(message) - costOf(node.message);
    node.message = message;
    if (message.expiresAtMs !== Number.POSITIVE_INFINITY) this.#expiring.set(message, realm);
    return true;
  }

  get(realm: string, topic: string): Message | null {
    return this.#find(realm, topic.split('/'))?.message ?? null;
  }

  delete(realm: string, topic: string): boolean {
    const root = this.#realms.get(realm);
    return root !== undefined && this.#delete(root, topic.split('/'), 0);
  }

  match(realm: string, filter: string): Iterator<string | null, undefined> {
    return new Matches(this.#realms.get(realm) ?? null, filter.split('/'));
  }

  expire(wallMs: number, most: number): void {
    let left = Math.min(most, this.#expiring.size);
    for (const [message, realm] of this.#expiring) {
      if (left-- === 0) return;
      // To the end of the line, for the next time around.
      this.#expiring.delete(message);
      if (message.expiresAtMs > wallMs) this.#expiring.set(message, realm);
      else {
        this.delete(realm, message.topic.name);
        this.onExpired(realm, message.topic.name);
      }
    }
  }

  #find(realm: string, levels: string[]): TopicNode | null {
    let node = this.#realms.get(realm);
    for (const level of levels) node = node?.children?.get(level);
    return node ?? null;
  }

  #make(realm: string, levels: string[]): TopicNode {
    let node = childOf(this.#realms, realm);
    for (const level of levels) {
      node.children ??= new Map();
      node = childOf(node.children, level);
    }
    return node;
  }

  /** Takes out the message, and on the way back the nodes that nothing needs any more. */
  #delete(node: TopicNode, levels: string[], depth: number): boolean {
    if (depth === levels.length) {
      if (node.message === null) return false;
      this.messages--;
      this.bytes -= costOf(node.message);
      this.#expiring.delete(node.message);
      node.message = null;
      return true;
    }
    const level = levels[depth]!;
    const child = node.children?.get(level);
    if (child === undefined || !this.#delete(child, levels, depth + 1)) return false;
    if (child.message === null && child.children === null) {
      node.children!.delete(level);
      if (node.children!.size === 0) node.children = null;
    }
    return true;
  }
}

function costOf(message: Message | null): number {
  return message === null ? 0 : message.costBytes + message.topic.levels * LEVEL_BYTES;
}

function childOf(nodes: Map<string, TopicNode>, level: string): TopicNode {
  let child = nodes.get(level);
  if (child === undefined) {
    child = new TopicNode();
    nodes.set(level, child);
  }
  return child;
}

/** Places of the tree that one `next` looks at. */
const LOOKS_PER_STEP = 64;

/** A place in the tree whose children are being looked through. */
interface Frame {
  readonly children: Iterator<[level: string, node: TopicNode]>;
  /** Index of the filter's level that the children are held against: a wildcard. */
  readonly depth: number;
}

/**
 * Walks the tree without recursion: topics may have many levels, and a step has to stop anywhere. Maps may change while they are
 * iterated, so the tree may too.
 */
class Matches implements Iterator<string | null, undefined> {
  readonly #filter: readonly string[];
  readonly #frames: Frame[] = [];
  /** Where to begin; null from then on. */
  #root: TopicNode | null;

  constructor(root: TopicNode | null, filter: readonly string[]) {
    this.#root = root;
    this.#filter = filter;
  }

  next(): IteratorResult<string | null, undefined> {
    if (this.#root !== null) {
      const found = this.#enter(this.#root, 0);
      this.#root = null;
      if (found !== null) return { done: false, value: found };
    }
    for (let looks = 0; looks < LOOKS_PER_STEP; looks++) {
      const frame = this.#frames[this.#frames.length - 1];
      if (frame === undefined) return { done: true, value: undefined };
      const step = frame.children.next();
      if (step.done === true) {
        this.#frames.pop();
        continue;
      }
      const [level, node] = step.value;
      // [MQTT-4.7.2-1]; only the root's children are in the first frame of a filter that begins with a wildcard.
      if (frame.depth === 0 && this.#frames.length === 1 && level.startsWith('$')) continue;
      const found = this.#enter(node, this.#filter[frame.depth] === '#' ? frame.depth : frame.depth + 1);
      if (found !== null) return { done: false, value: found };
    }
    return { done: false, value: null };
  }

  /** Goes down from `node` as far as the filter is literal; there is either the topic itself, or children to look through. */
  #enter(node: TopicNode, depth: number): string | null {
    const filter = this.#filter;
    let at = node;
    for (; depth < filter.length; depth++) {
      const level = filter[depth]!;
      if (level === '+' || level === '#') {
        if (at.children !== null) this.#frames.push({ children: at.children.entries(), depth });
        // `a/#` includes `a` itself, MQTT 5.0 §4.7.1.2.
        return level === '#' ? topicOf(at) : null;
      }
      const child = at.children?.get(level);
      if (child === undefined) return null;
      at = child;
    }
    return topicOf(at);
  }
}

function topicOf(node: TopicNode): string | null {
  return node.message === null ? null : node.message.topic.name;
}
