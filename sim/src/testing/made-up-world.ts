import type { Qos } from '@plexus/protocol';
import { Checker } from '../checker.ts';
import { History } from '../history/history.ts';
import type { ConnectionRecord, MessageRecord } from '../history/ledger.ts';
import type { RunningNode } from '../invariants/invariant.ts';
import type { MessagingNodeView } from '../ports.ts';
import { VirtualTime } from '../virtual-time.ts';

/** What a made-up node says of itself; tests change it. */
export class MadeUpView implements MessagingNodeView {
  known: { nodeId: string; incarnation: number }[] = [];
  /** By node; the node itself is ''. Each `realm filter`. */
  filters = new Map<string, string[]>();
  groupMembers: { id: string; nodeId: string }[] = [];
  kept: { realm: string; topic: string; payload: string }[] = [];
  routes: string[] | null = null;
  queuedBytes = 0;
  queued = 0;
  /** null: as many as it has heard of. */
  used: number | null = null;

  peers() {
    return this.known;
  }
  interest(nodeId: string | null) {
    return (this.filters.get(nodeId ?? '') ?? []).map((entry) => {
      const [realm, filter] = entry.split(' ') as [string, string];
      return { realm, filter };
    });
  }
  filterCount(nodeId: string) {
    return this.used ?? this.interest(nodeId).length;
  }
  destinations() {
    return this.routes ?? this.known.map(({ nodeId }) => nodeId);
  }
  members() {
    return this.groupMembers;
  }
  retained() {
    return this.kept;
  }
  links() {
    return [{ peerId: 'x', state: 'up' as const, queuedBytes: this.queuedBytes, heldBytes: 0 }];
  }
  queuedMessages() {
    return this.queued;
  }
}

export interface MadeUpNode extends RunningNode {
  readonly view: MadeUpView;
  suspended: boolean;
}

/** A history told by a test, and what the invariants say to it: two nodes, A and B, up for each other from the beginning. */
export class MadeUpWorld {
  readonly time = new VirtualTime();
  readonly history = new History(this.time);
  readonly groupMembers: string[] = [];
  readonly a: MadeUpNode;
  readonly b: MadeUpNode;
  readonly checker: Checker;

  constructor() {
    this.a = this.#node('A');
    this.b = this.#node('B');
    const parts = { history: this.history, running: () => [this.a, this.b], groupMembers: () => this.groupMembers };
    this.checker = new Checker(parts, () => {});
    this.member(this.a, this.b, 'up');
    this.member(this.b, this.a, 'up');
    this.a.view.known = [{ nodeId: 'B', incarnation: 1 }];
    this.b.view.known = [{ nodeId: 'A', incarnation: 1 }];
  }

  /** Invariants that were violated, each once. */
  get broken(): string[] {
    return [...new Set(this.checker.violations.map(({ invariant }) => invariant))];
  }

  member(observer: MadeUpNode, other: MadeUpNode, state: 'up' | 'gone', incarnation = other.life.incarnation): void {
    this.checker.memberChanged(observer, other.life.nodeId, incarnation, state);
  }

  pass(ms: number): Promise<void> {
    return this.time.runUntil(this.time.now + ms);
  }

  connect(node: MadeUpNode, clientId: string, realm = 'default'): ConnectionRecord {
    const connection = this.history.ledger.opened(clientId, realm, node.life);
    this.history.ledger.connected(connection);
    return connection;
  }

  /** A client that is subscribed. */
  subscriber(node: MadeUpNode, clientId: string, filter: string, qos: Qos = 1, realm = 'default'): ConnectionRecord {
    const connection = this.connect(node, clientId, realm);
    this.history.ledger.subscribing(connection, filter, qos);
    this.history.ledger.subscribed(connection, filter);
    this.checker.subscriptionChanged(connection.subscriptions[0]!);
    return connection;
  }

  publish(publisher: ConnectionRecord, topic: string, qos: Qos = 1, retain = false): MessageRecord {
    return this.history.ledger.sending(publisher, topic, qos, retain);
  }

  answer(...messages: MessageRecord[]): void {
    for (const message of messages) this.history.ledger.answered(message, 0);
  }

  receive(
    connection: ConnectionRecord,
    message: MessageRecord,
    how: { topic?: string; qos?: Qos; retain?: boolean } = {},
  ): void {
    const { topic = message.topic, qos = message.qos, retain = false } = how;
    this.checker.received({ message, connection, topic, qos, retain, dup: false });
  }

  #node(nodeId: string): MadeUpNode {
    return { life: this.history.lives.started(nodeId, 1), view: new MadeUpView(), suspended: false };
  }
}
