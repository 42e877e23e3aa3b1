import { TurnoverMap } from '../lib/turnover-map.ts';
import type { BrokerContext } from './context.ts';
import type { Realm, Realms } from './realm.ts';
import { Session } from './session.ts';
import type { SessionState, SessionStore } from './session-store.ts';
import type { Wills } from './wills.ts';

/** Session expiry interval that means *never*, MQTT 5.0 §3.1.2.11.2. */
export const NEVER_S = 0xffff_ffff;

/** The sessions of a node: opened with a connection, kept for their expiry interval without one, then ended. */
export class Sessions {
  readonly #context: BrokerContext;
  readonly #realms: Realms;
  readonly #store: SessionStore;
  readonly #wills: Wills;
  /** In order of creation. */
  readonly #all = new TurnoverMap<number, Session>();
  #numbers = 0;
  /** Without a connection, by number. */
  readonly #waiting = new TurnoverMap<number, Session>();

  constructor(context: BrokerContext, realms: Realms, store: SessionStore, wills: Wills) {
    this.#realms = realms;
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
      this.#waiting.delete(known.number);
      this.#wills.cancel(known);
      known.state.setExpiry(expiryS);
      return { session: known, present: true };
    }
    if (known !== undefined) this.#end(known);
    return { session: this.#add(realm, this.#store.create(realm.name, clientId, expiryS)), present: false };
  }

  /** Its connection is gone. */
  disconnected(session: Session): void {
    session.detach();
    const { expiryS } = session.state;
    if (expiryS === 0) {
      this.#end(session);
      return;
    }
    const leftMs = expiryS === NEVER_S ? Number.POSITIVE_INFINITY : expiryS * 1000;
    session.state.setExpiresAt(this.#context.clock.wallMs() + leftMs);
    this.#waiting.set(session.number, session);
  }

  /** Takes up the sessions that the store has kept; before the first connection. */
  restore(): void {
    for (const state of this.#store.list()) {
      const session = this.#add(this.#realms.get(state.realm), state);
      // One that was connected when the node ended has lost its connection then: its time begins now.
      if (state.expiresAtMs === null) this.disconnected(session);
      else this.#waiting.set(session.number, session);
    }
  }

  /** Ends what has expired; called now and then. */
  expire(): void {
    const wallMs = this.#context.clock.wallMs();
    for (const session of this.#waiting.values()) {
      if ((session.state.expiresAtMs ?? wallMs) <= wallMs) this.#end(session);
    }
  }

  #add(realm: Realm, state: SessionState): Session {
    const session = new Session(this.#context, realm, state, ++this.#numbers);
    this.#all.set(session.number, session);
    realm.sessions.set(state.clientId, session);
    return session;
  }

  /** A will that still waits goes out with its session: MQTT 5.0 §3.1.3.2.2. */
  #end(session: Session): void {
    this.#waiting.delete(session.number);
    this.#wills.publishNow(session);
    session.end();
    this.#all.delete(session.number);
    session.realm.sessions.delete(session.clientId);
    this.#store.remove(session.state);
  }
}
