import type { History } from './history/history.ts';
import type { Receipt, SubscriptionRecord } from './history/ledger.ts';
import { Answers } from './invariants/answers.ts';
import { AtRest } from './invariants/at-rest.ts';
import { Bounded } from './invariants/bounded.ts';
import { Convergence } from './invariants/convergence.ts';
import { FailureNoticed } from './invariants/failure-noticed.ts';
import type { Invariant, InvariantParts, RunningNode } from './invariants/invariant.ts';
import { LivesApart } from './invariants/lives-apart.ts';
import { NothingLost } from './invariants/nothing-lost.ts';
import { OneConnection } from './invariants/one-connection.ts';
import { Order } from './invariants/order.ts';
import { Purged } from './invariants/purged.ts';
import { QuickInterest } from './invariants/quick-interest.ts';
import { Realms } from './invariants/realms.ts';
import { Shared } from './invariants/shared.ts';

/** Something that must not happen, and did. */
export interface Violation {
  readonly invariant: string;
  readonly text: string;
  /** Virtual milliseconds. */
  readonly at: number;
}

/** More than these say nothing new. */
const MAX_VIOLATIONS = 20;

/** What always holds in a cluster. */
export const clusterInvariants = (parts: InvariantParts): readonly Invariant[] => [
  new Realms(parts),
  new Order(parts),
  new Shared(parts),
  new Purged(parts),
  new LivesApart(parts),
  new FailureNoticed(parts),
  new AtRest(parts),
  new QuickInterest(parts),
  new Answers(parts),
  new Bounded(parts),
  new Convergence(parts),
  new OneConnection(parts),
  new NothingLost(parts),
];

/** Tells every invariant what happens, and gathers what they find. */
export class Checker {
  readonly violations: Violation[] = [];
  readonly #history: History;
  readonly #invariants: readonly Invariant[];
  readonly #onFirst: () => void;

  /** @param onFirst something is wrong: there is no need to go on */
  constructor(
    parts: Omit<InvariantParts, 'report'>,
    onFirst: () => void,
    invariants: (parts: InvariantParts) => readonly Invariant[] = clusterInvariants,
  ) {
    this.#history = parts.history;
    this.#onFirst = onFirst;
    this.#invariants = invariants({ ...parts, report: (invariant, text) => this.violated(invariant, text) });
  }

  /** Messages that had to come: a world in which there are none says nothing. Known at the end. */
  get promises(): { readonly calm: number; readonly troubled: number } {
    const nothingLost = this.#invariants.find((each) => each instanceof NothingLost);
    return { calm: nothingLost?.kept ?? 0, troubled: nothingLost?.keptInTrouble ?? 0 };
  }

  violated(invariant: string, text: string): void {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push({ invariant, text, at: this.#history.time.now });
    if (this.violations.length === 1) this.#onFirst();
  }

  received(receipt: Receipt): void {
    if (!receipt.retain) receipt.message.receivedBy.add(receipt.connection.number);
    for (const invariant of this.#invariants) invariant.onReceived(receipt);
  }

  subscriptionChanged(record: SubscriptionRecord): void {
    for (const invariant of this.#invariants) invariant.onSubscription(record);
  }

  memberChanged(observer: RunningNode, nodeId: string, incarnation: number, state: 'up' | 'gone'): void {
    for (const invariant of this.#invariants) invariant.onMember(observer, nodeId, incarnation, state);
    this.#history.memberships.changed(observer.life, nodeId, incarnation, state);
  }

  everySecond(): void {
    for (const invariant of this.#invariants) invariant.everySecond();
  }

  whenSettled(): void {
    for (const invariant of this.#invariants) invariant.whenSettled();
  }

  atEnd(): void {
    for (const invariant of this.#invariants) invariant.atEnd();
  }
}
