import type { MessagingNodeView } from '../ports.ts';
import { GROUP } from '../scenario.ts';
import { Invariant, type RunningNode } from './invariant.ts';

/**
 * Invariant 6: some seconds after the last fault every node knows every other, exactly the filters that are wanted there, the same
 * members of groups and the same retained messages. What is wanted is taken from the clients, not from what a node says of itself.
 */
export class Convergence extends Invariant {
  readonly name = 'convergence';

  override whenSettled(): void {
    const nodes = this.parts.running();
    const wanted = new Map(nodes.map(({ life }) => [life.nodeId, this.#wantedOn(life.number)]));
    for (const node of nodes) {
      this.#checkMembers(node, nodes);
      this.#compare(`${node.life.nodeId}'s own interest`, filtersOf(node.view, null), wanted.get(node.life.nodeId)!);
      for (const { life } of nodes) {
        if (life === node.life) continue;
        const what = `interest of ${life.nodeId} on ${node.life.nodeId}`;
        const heard = filtersOf(node.view, life.nodeId);
        this.#compare(what, heard, wanted.get(life.nodeId)!);
        const used = node.view.filterCount(life.nodeId);
        if (used !== heard.size) this.report(`${what}: it has heard of ${heard.size} filters and sends by ${used}`);
      }
      const members = node.view.members(GROUP).map(({ id, nodeId }) => `${id} ${nodeId}`);
      this.#compare(`the group on ${node.life.nodeId}`, new Set(members), new Set(this.parts.groupMembers()));
    }
    this.#checkRetained(nodes);
  }

  /** Filters of the clients that are connected to one life of a node. */
  #wantedOn(life: number): Set<string> {
    const wanted = new Set<string>();
    for (const { connection, filter, granted, until } of this.history.ledger.subscriptions) {
      if (connection.life.number !== life || granted === null || until !== null) continue;
      wanted.add(`${connection.realm} ${filter}`);
    }
    return wanted;
  }

  #checkMembers(node: RunningNode, nodes: readonly RunningNode[]): void {
    const members = new Set(node.view.peers().map(({ nodeId, incarnation }) => `${nodeId} ${incarnation}`));
    const others = nodes
      .filter(({ life }) => life !== node.life)
      .map(({ life }) => `${life.nodeId} ${life.incarnation}`);
    this.#compare(`members on ${node.life.nodeId}`, members, new Set(others));
  }

  #checkRetained(nodes: readonly RunningNode[]): void {
    const [first, ...rest] = nodes;
    if (first === undefined) return;
    const expected = retainedOf(first.view);
    for (const { life, view } of rest) {
      this.#compare(`retained on ${life.nodeId}, as against ${first.life.nodeId}`, retainedOf(view), expected);
    }
  }

  #compare(what: string, found: ReadonlySet<string>, expected: ReadonlySet<string>): void {
    const missing = [...expected].filter((entry) => !found.has(entry));
    const surplus = [...found].filter((entry) => !expected.has(entry));
    if (missing.length + surplus.length === 0) return;
    this.report(`${what}: ${missing.length} missing (${some(missing)}), ${surplus.length} too many (${some(surplus)})`);
  }
}

const some = (entries: readonly string[]): string => entries.slice(0, 3).join(', ');

const filtersOf = (view: MessagingNodeView, nodeId: string | null): Set<string> =>
  new Set(view.interest(nodeId).map(({ realm, filter }) => `${realm} ${filter}`));

const retainedOf = (view: MessagingNodeView): Set<string> =>
  new Set(view.retained().map(({ realm, topic, payload }) => `${realm} ${topic} ${payload}`));
