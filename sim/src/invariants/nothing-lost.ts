import type { MessageRecord, SubscriptionRecord } from '../history/ledger.ts';
import { isFor, isOwed, wasCalm } from './expectations.ts';
import { Invariant } from './invariant.ts';

const FAILED = 0x80;

/**
 * Invariant 1: what was acknowledged at QoS 1 comes to every subscription whose client and node lived, through any loss of links. And
 * while nothing is wrong, QoS 0 comes too: no queue is ever full here.
 */
export class NothingLost extends Invariant {
  readonly name = 'nothing lost';
  /** Messages that a subscription was promised, with nothing wrong on their way. */
  kept = 0;
  /** The same, with something wrong. */
  keptInTrouble = 0;

  override atEnd(): void {
    const subscriptions = this.history.ledger.subscriptions.filter(({ share }) => share === null);
    for (const message of this.history.ledger.messages) {
      if (message.qos > 0 && (message.answered === null || message.reason! >= FAILED)) continue;
      for (const subscription of subscriptions) {
        if (isFor(this.history, message, subscription)) this.#check(message, subscription);
      }
    }
  }

  #check(message: MessageRecord, subscription: SubscriptionRecord): void {
    const { connection, qos } = subscription;
    const acknowledged = message.qos > 0 && qos > 0;
    const calm = wasCalm(this.history, message, subscription);
    if (acknowledged ? !isOwed(this.history, message, subscription) : !calm) return;
    if (calm) this.kept++;
    else this.keptInTrouble++;
    if (message.receivedBy.has(connection.number)) return;
    const [from, to] = [message.connection.life, connection.life];
    this.report(
      `message ${message.id} on ${message.topic} at QoS ${message.qos}, sent at ${message.sent.at.toFixed(1)} on ${from.nodeId}` +
        ` and answered ${message.answered === null ? 'never' : `at ${message.answered.at.toFixed(1)}`}, did not come to` +
        ` ${connection.clientId} (${subscription.filter}) on ${to.nodeId}`,
    );
  }
}
