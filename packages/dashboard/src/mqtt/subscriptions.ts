import type { MqttClient } from 'mqtt';
import { Changes, type Live } from '../ui/changes.ts';
import { reasonText } from './reasons.ts';
import type { Qos, Subscription } from './subscription.ts';

type Sender = Pick<MqttClient, 'subscribe' | 'unsubscribe'>;

const REFUSED = 0x80;

/** What the page wants to be subscribed to. It may be asked for at any time; with a connection it is brought about. */
export class Subscriptions {
  readonly #changes = new Changes();
  readonly #byFilter = new Map<string, Subscription>();
  /** Given up while there was no connection; a kept session still has them. */
  readonly #leaving = new Set<string>();
  #client: Sender | null = null;

  constructor(wanted: readonly { readonly filter: string; readonly qos: Qos }[] = []) {
    for (const { filter, qos } of wanted) this.#byFilter.set(filter, fresh(filter, qos));
  }

  get live(): Live {
    return this.#changes;
  }

  /** In the order in which they were asked for. */
  list(): Subscription[] {
    return [...this.#byFilter.values()];
  }

  /** @param qos another one than before changes the subscription */
  add(filter: string, qos: Qos): void {
    this.#leaving.delete(filter);
    this.#set(fresh(filter, qos));
    this.#subscribe(filter);
  }

  remove(filter: string): void {
    this.#byFilter.delete(filter);
    if (this.#client === null) this.#leaving.add(filter);
    else this.#client.unsubscribe(filter);
    this.#changes.changed();
  }

  /**
   * A connection is there.
   * @param sessionPresent whether the server still has what this page subscribed to
   * @param firstTime whether this page has just begun to use the connection, and cannot know what the session holds
   */
  attach(client: Sender, sessionPresent: boolean, firstTime: boolean): void {
    this.#client = client;
    if (sessionPresent && this.#leaving.size > 0) client.unsubscribe([...this.#leaving]);
    this.#leaving.clear();
    for (const { filter, qos, state } of this.list()) {
      if (sessionPresent && !firstTime && state === 'granted') continue;
      this.#set(fresh(filter, qos));
      this.#subscribe(filter);
    }
  }

  detach(): void {
    this.#client = null;
  }

  #subscribe(filter: string): void {
    const client = this.#client;
    const asked = this.#byFilter.get(filter);
    if (client === null || asked === undefined) return;
    client.subscribe(filter, { qos: asked.qos }, (error, _granted, suback) => {
      // Removed, asked for anew, or asked for on another connection since.
      if (this.#byFilter.get(filter) !== asked || this.#client !== client) return;
      const code = suback?.granted[0];
      if (code === undefined) {
        this.#set({ ...asked, state: 'refused', problem: error?.message ?? 'the server did not answer' });
      } else if (typeof code === 'number' && code < REFUSED) {
        this.#set({ ...asked, state: 'granted', grantedQos: code as Qos });
      } else {
        this.#set({ ...asked, state: 'refused', problem: reasonText(code as number) });
      }
    });
  }

  #set(subscription: Subscription): void {
    this.#byFilter.set(subscription.filter, subscription);
    this.#changes.changed();
  }
}

const fresh = (filter: string, qos: Qos): Subscription => ({
  filter,
  qos,
  state: 'wanted',
  grantedQos: null,
  problem: null,
});
