import type { BrokerContext } from './context.ts';
import type { Realm } from './realm.ts';
import { Session } from './session.ts';
import type { SessionStore } from './session-store.ts';
import type { Wills } from './wills.ts';

/** The sessions of a node: opened with a connection, kept for their expiry interval without one, then ended. */
export class Sessions {
  readonly #context: BrokerContext;
  readonly #store: SessionStore;
  readonly #wills: Wills;
  /** In order of creation. */
  readonly #all = new Map<number, Session>();
  #numbers = 0;
  /** Without a connection, in no particular order. */
  readonly #waiting = new Set<Session>();

  constructor(context: BrokerContext, store: SessionStore, wills: Wills) {
    this.#context = context;
    this.#store = store;
    this.#wills = wills;
  }

  get size(): number {
    return this.#store.size;
  }

  all(): Iterable<Session> {
    return this.#all.values();
  }

  hasRoomFor(realm: Realm, clientId: string): boolean {
    return realm.sessions.has(clientId) || this.#store.size < this.#context.options.maxSessions;
  }

  /**
   * The session for a client that connects; it has no connection at this moment. `cleanStart` ends one from before
   * [MQTT-3.1.2-4].
   * @returns whether it was there before
   */
  open(realm: Realm, clientId: string, cleanStart: boolean, expiryS: number): { session: Session; present: boolean } {
    const known = realm.sessions.get(clientId);
    if (known !== undefined && !cleanStart) {
      this.#waiting.delete(known);
      this.#wills.cancel(known);
      known.state.setExpiry(expiryS);
      return { session: known, present: true };
    }
    if (known !== undefined) this.#end(known);
    const state = this.#store.create(realm.name, clientId, expiryS);
    const session = new Session(this.#context, realm, state, ++this.#numbers);
    this.#all.set(session.number, session);
    realm.sessions.set(clientId, session);
    return { session, present: false };
  }

  /** Its connection is gone. */
  disconnected(session: Session): void {
    session.detach();
    const { expiryS } = session.state;
    if (expiryS === 0) {
      this.#end(session);
      return;
    }
    session.expiresAtMs = this.#context.now() + expiryS * 1000;
    this.#waiting.add(session);
  }

  /** Ends what has expired; called now and then. */
  expire(nowMs: number): void {
    for (const session of this.#waiting) if (session.expiresAtMs <= nowMs) this.#end(session);
  }

  /** A will that still waits goes out with its session: MQTT 5.0 §3.1.3.2.2. */
  #end(session: Session): void {
    this.#waiting.delete(session);
    this.#wills.publishNow(session);
    session.end();
    this.#all.delete(session.number);
    session.realm.sessions.delete(session.clientId);
    this.#store.remove(session.state);
  }
}
