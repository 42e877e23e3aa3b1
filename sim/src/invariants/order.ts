import type { MessageRecord, Receipt } from '../history/ledger.ts';
import { Invariant } from './invariant.ts';

/**
 * Invariant 4: what one connection publishes on one topic at one QoS comes in that order to each connection that is subscribed, and
 * once: a gap is allowed, a swap is not. A shared subscription may hand a message over to another member, and so only promises this at QoS 0.
 */
export class Order extends Invariant {
  readonly name = 'order';
  /** Subscriber's connection and line → the newest message. */
  readonly #newest = new Map<string, MessageRecord>();

  override onReceived({ message, connection, retain, dup }: Receipt): void {
    // Retained copies come beside what is live; a second delivery comes after a reconnect.
    if (retain || dup) return;
    const shared = connection.subscriptions.some(({ share }) => share !== null);
    if (shared && message.qos > 0) return;
    const line = `${connection.number} ${message.connection.number} ${message.qos} ${message.topic}`;
    const newest = this.#newest.get(line);
    const client = `client ${connection.clientId} on ${connection.life.nodeId}`;
    if (newest !== undefined && newest.id === message.id) {
      this.report(`${client} got message ${message.id} on ${message.topic} (QoS ${message.qos}) twice`);
    } else if (newest !== undefined && newest.id > message.id) {
      this.report(`${client} got message ${message.id} on ${message.topic} (QoS ${message.qos}) after ${newest.id}`);
    } else this.#newest.set(line, message);
  }
}
