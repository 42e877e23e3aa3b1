import type { MessageRecord } from '../history/ledger.ts';
import { Invariant } from './invariant.ts';

/** Time in which a publisher is answered once nothing is wrong with its node any more: the failure detector's, and some more. */
const ANSWER_MS = 10_000;

/** No publisher at QoS 1 waits for ever: a peer that owes an answer is waited for until it is down, and no longer. */
export class Answers extends Invariant {
  readonly name = 'publishers are answered';
  #open: MessageRecord[] = [];
  #seen = 0;

  override everySecond(): void {
    const { messages } = this.history.ledger;
    for (; this.#seen < messages.length; this.#seen++) {
      if (messages[this.#seen]!.qos > 0) this.#open.push(messages[this.#seen]!);
    }
    this.#open = this.#open.filter(
      ({ answered, connection }) => answered === null && connection.gone === null && connection.life.ended === null,
    );
    const calmSince = new Map<string, number>();
    for (const message of this.#open) {
      const { nodeId } = message.connection.life;
      if (!calmSince.has(nodeId)) calmSince.set(nodeId, this.history.disturbances.lastOf(nodeId));
      const since = Math.max(message.sent.at, calmSince.get(nodeId)!);
      if (this.history.time.now - since > ANSWER_MS) {
        this.report(`message ${message.id}, sent at ${message.sent.at.toFixed(1)} on ${nodeId}, is not answered`);
        return;
      }
    }
  }

  override atEnd(): void {
    this.everySecond();
    const open = this.#open[0];
    if (open !== undefined) this.report(`message ${open.id}, sent at ${open.sent.at.toFixed(1)}, was never answered`);
  }
}
