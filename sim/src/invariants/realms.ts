import type { Receipt } from '../history/ledger.ts';
import { Invariant } from './invariant.ts';

/** Invariant 2: nothing crosses from one realm to another. And nobody gets what they never asked for, or something other than was sent. */
export class Realms extends Invariant {
  readonly name = 'realms';

  override onReceived({ message, connection, topic, retain, qos }: Receipt): void {
    const what = `message ${message.id} of realm ${message.realm} on ${message.topic}`;
    if (message.realm !== connection.realm) {
      this.report(`${what} came to client ${connection.clientId} of realm ${connection.realm}`);
    }
    if (message.topic !== topic) this.report(`${what} came to client ${connection.clientId} on ${topic}`);
    if (qos > message.qos) this.report(`${what} was sent at QoS ${message.qos} and came at ${qos}`);
    if (retain && !message.retain) this.report(`${what} was not to be retained, and came as retained`);
    // One that was unsubscribed meanwhile counts: what waited for the client may still come.
    const wanted = connection.subscriptions.some(({ plain }) => this.history.matches(plain, topic));
    if (!wanted) this.report(`${what} came to client ${connection.clientId}, which has no filter for it`);
  }
}
