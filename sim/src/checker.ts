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

/** Tells every invariant what happens, and gathers what they find. */
export class Checker {
  readonly violations: Violation[] = [];
  readonly #history: History;
  readonly #nothingLost: NothingLost;
  readonly #invariants: readonly Invariant[];
  readonly #onFirst: () => void;

  /** @param onFirst something is wrong: there is no need to go on */
  constructor(parts: Omit<InvariantParts, 'report'>, onFirst: () => void) {
    this.#history = parts.history;
    this.#onFirst = onFirst;
    const all = { ...parts, report: (invariant: string, text: string) => this.violated(invariant, text) };
    this.#nothingLost = new NothingLost(all);
    this.#invariants = [
      new Realms(all),
      new Order(all),
      new Shared(all),
      new Purged(all),
      new LivesApart(all),
      new FailureNoticed(all),
      new AtRest(all),
      new QuickInterest(all),
      new Answers(all),
      new Bounded(all),
      new Convergence(all),
      new OneConnection(all),
      this.#nothingLost,
    ];
  }

  /** Messages that had to come: a world in which there are none says nothing. Known at the end. */
  get promises(): { readonly calm: number; readonly troubled: number } {
    return { calm: this.#nothingLost.kept, troubled: this.#nothingLost.keptInTrouble };
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
