import type { SubscriptionRecord } from '../history/ledger.ts';
import { SETTLE_MS } from './expectations.ts';
import { Invariant } from './invariant.ts';

/** Between two nodes with which nothing is wrong, a filter is known and forgotten quickly, not only by the digest that comes now and then. */
export class QuickInterest extends Invariant {
  readonly name = 'interest travels';

  override onSubscription(record: SubscriptionRecord): void {
    const { life, gone } = record.connection;
    if (gone !== null || life.ended !== null) return;
    const wantedThen = record.until === null;
    const since = this.history.time.now;
    this.history.time.after(SETTLE_MS, () => {
      if (life.ended !== null || this.#isWanted(record) !== wantedThen || this.#changedSince(record, since)) return;
      for (const node of this.parts.running()) {
        if (node.life === life || node.suspended) continue;
        if (!this.#wasCalm(node.life.nodeId, life.nodeId, since)) continue;
        const times = this.history.memberships.of(node.life, life.nodeId);
        const time = times.at(-1);
        if (time === undefined || time.until !== null || time.incarnation !== life.incarnation) continue;
        if (time.from.at > since - SETTLE_MS) continue;
        this.#check(record, node.life.nodeId, node.view.interest(life.nodeId), wantedThen);
        if (wantedThen) this.#checkRoute(record, node.life.nodeId, node.view.destinations.bind(node.view));
      }
    });
  }

  #check(
    { connection, filter }: SubscriptionRecord,
    observer: string,
    entries: readonly { realm: string; filter: string }[],
    wanted: boolean,
  ): void {
    const known = entries.some((entry) => entry.realm === connection.realm && entry.filter === filter);
    if (known === wanted) return;
    const what = `${SETTLE_MS} ms after ${connection.life.nodeId} ${wanted ? 'got' : 'lost'} its filter ${filter}`;
    this.report(`${what}, ${observer} ${wanted ? 'does not know of it' : 'still has it'}`);
  }

  #checkRoute(
    { connection, plain, filter }: SubscriptionRecord,
    observer: string,
    destinations: (realm: string, topic: string) => readonly string[],
  ): void {
    const topic = plain.replaceAll('+', 'any').replaceAll('#', 'any/thing');
    const { nodeId } = connection.life;
    if (destinations(connection.realm, topic).includes(nodeId)) return;
    this.report(`${observer} knows of ${filter} on ${nodeId}, and would not send it a message on ${topic}`);
  }

  /** Whether any client on that life of the node wants the filter. */
  #isWanted(record: SubscriptionRecord): boolean {
    return this.#alike(record).some(({ granted, until }) => granted !== null && until === null);
  }

  #changedSince(record: SubscriptionRecord, since: number): boolean {
    // What was asked for and not answered yet may have happened or not.
    return this.#alike(record).some(
      ({ requested, granted, until }) =>
        requested.at > since ||
        (granted === null && until === null) ||
        (granted?.at ?? 0) > since ||
        (until?.at ?? 0) > since,
    );
  }

  #alike({ connection, filter }: SubscriptionRecord): SubscriptionRecord[] {
    return this.history.ledger.subscriptions.filter(
      (each) =>
        each.filter === filter &&
        each.connection.realm === connection.realm &&
        each.connection.life === connection.life,
    );
  }

  #wasCalm(a: string, b: string, since: number): boolean {
    return this.history.disturbances.isCalm(a, b, since - SETTLE_MS, this.history.time.now);
  }
}
