import type { MessageRecord, Receipt, SubscriptionRecord } from '../history/ledger.ts';
import { isFor, isOwed, wasCalm } from './expectations.ts';
import { Invariant } from './invariant.ts';

const FAILED = 0x80;

/**
 * Of the members of a shared subscription, over all nodes, one gets each message: at QoS 0 never two; at QoS 1 at least one if all of
 * them lived, and not two while nothing is wrong.
 */
export class Shared extends Invariant {
  readonly name = 'shared subscriptions';
  /** Message and shared subscription → connections that got it. */
  readonly #takers = new Map<string, Set<number>>();

  override onReceived({ message, connection, retain }: Receipt): void {
    if (retain) return;
    for (const subscription of connection.subscriptions) {
      // A member here has one filter only.
      if (subscription.share === null || !isFor(this.history, message, subscription)) continue;
      const key = takersKey(message, subscription.filter);
      const takers = this.#takers.get(key);
      if (takers === undefined) this.#takers.set(key, new Set([connection.number]));
      else takers.add(connection.number);
      if (message.qos === 0 && takers !== undefined && takers.size > 1) {
        this.report(`message ${message.id} at QoS 0 came to ${takers.size} members of ${subscription.filter}`);
      }
    }
  }

  override atEnd(): void {
    for (const members of this.#groups().values()) {
      for (const message of this.history.ledger.messages) {
        if (isFor(this.history, message, members[0]!)) this.#check(message, members);
      }
    }
  }

  #check(message: MessageRecord, all: readonly SubscriptionRecord[]): void {
    const members = all.filter((member) => couldHaveIt(message, member));
    const takers = this.#takers.get(takersKey(message, all[0]!.filter))?.size ?? 0;
    const what = `message ${message.id} at QoS ${message.qos} on ${message.topic}, sent at ${message.sent.at.toFixed(1)},`;
    if (members.length === 0) return;
    const calm = members.every((member) => wasCalm(this.history, message, member));
    if (calm && takers > 1)
      this.report(`${what} came to ${takers} members of ${all[0]!.filter} while nothing was wrong`);
    if (takers > 0) return;
    const acknowledged = message.qos > 0 && message.reason !== null && message.reason < FAILED;
    const kept = acknowledged && members.every(({ qos }) => qos > 0);
    const owed = kept ? members.every((member) => isOwed(this.history, message, member)) : calm;
    if (owed) this.report(`${what} came to none of the ${members.length} members of ${all[0]!.filter}`);
  }

  #groups(): Map<string, SubscriptionRecord[]> {
    const groups = new Map<string, SubscriptionRecord[]>();
    for (const subscription of this.history.ledger.subscriptions) {
      if (subscription.share === null) continue;
      const key = `${subscription.connection.realm} ${subscription.filter}`;
      const members = groups.get(key);
      if (members === undefined) groups.set(key, [subscription]);
      else members.push(subscription);
    }
    return groups;
  }
}

const takersKey = (message: MessageRecord, filter: string): string => `${message.id} ${filter}`;

/** Whether it was a member at any time in which some node could have chosen it for the message. */
function couldHaveIt(message: MessageRecord, { requested, until, connection }: SubscriptionRecord): boolean {
  const known = Math.min(until?.at ?? Number.POSITIVE_INFINITY, connection.gone?.at ?? Number.POSITIVE_INFINITY);
  // Those that went shortly before count too: another node may not have known.
  return requested.order < (message.answered ?? message.sent).order && known + 15_000 > message.sent.at;
}
