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

  *match(realm: string, filter: string): Generator<string, void, void> {
    const root = this.#realms.get(realm);
    if (root !== undefined) yield* matching(root, filter.split('/'), 0, true);
  }

  expire(wallMs: number, most: number): void {
    let left = Math.min(most, this.#expiring.size);
    for (const [message, realm] of this.#expiring) {
      if (left-- === 0) return;
      // To the end of the line, for the next time around.
      this.#expiring.delete(message);
      if (message.expiresAtMs > wallMs) this.#expiring.set(message, realm);
      else this.delete(realm, message.topic.name);
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

/** @param top whether `node` is the root, whose children are the first levels of topics; it has no message itself */
function* matching(node: TopicNode, filter: string[], depth: number, top: boolean): Generator<string, void, void> {
  if (depth === filter.length) {
    if (node.message !== null) yield node.message.topic.name;
    return;
  }
  const wanted = filter[depth]!;
  // `a/#` includes `a` itself, MQTT 5.0 §4.7.1.2.
  if (wanted === '#' && node.message !== null) yield node.message.topic.name;
  if (wanted !== '+' && wanted !== '#') {
    const child = node.children?.get(wanted);
    if (child !== undefined) yield* matching(child, filter, depth + 1, false);
    return;
  }
  for (const [level, child] of node.children ?? []) {
    // [MQTT-4.7.2-1]
    if (top && level.startsWith('$')) continue;
    yield* matching(child, filter, wanted === '#' ? depth : depth + 1, false);
  }
}
