import type { History } from '../history/history.ts';
import type { Receipt, SubscriptionRecord } from '../history/ledger.ts';
import type { Life } from '../history/lives.ts';
import type { MessagingNodeView } from '../ports.ts';

/** A node that runs now. */
export interface RunningNode {
  readonly life: Life;
  readonly view: MessagingNodeView;
  /** Whether it is stopped (SIGSTOP). */
  readonly suspended: boolean;
}

export interface InvariantParts {
  readonly history: History;
  /** Nodes that run now. */
  readonly running: () => readonly RunningNode[];
  /** Members of the group that have joined and not left: id and node, in one text. */
  readonly groupMembers: () => readonly string[];
  /** Something is wrong. */
  readonly report: (invariant: string, text: string) => void;
}

/** A statement that always holds. Each says for itself when it can be checked. */
export abstract class Invariant {
  abstract readonly name: string;
  protected readonly parts: InvariantParts;
  protected readonly history: History;

  constructor(parts: InvariantParts) {
    this.parts = parts;
    this.history = parts.history;
  }

  onReceived(_receipt: Receipt): void {}

  /** SUBACK came, or UNSUBACK. */
  onSubscription(_record: SubscriptionRecord): void {}

  /** Called before the history knows of it. */
  onMember(_observer: RunningNode, _nodeId: string, _incarnation: number, _state: 'up' | 'gone'): void {}

  everySecond(): void {}

  /** The last fault is some seconds ago, and nobody subscribes or connects any more. */
  whenSettled(): void {}

  /** Nothing is on its way any more. */
  atEnd(): void {}

  protected report(text: string): void {
    this.parts.report(this.name, text);
  }
}
