import type { ClientWill } from './connected-client.ts';
import type { BrokerContext } from './context.ts';
import { Message } from './message.ts';
import type { Session } from './session.ts';

interface PendingWill {
  readonly will: ClientWill;
  readonly dueMs: number;
}

/** Wills of clients that are gone, until their delay has passed or the client is back. At most one per session. */
export class Wills {
  readonly #context: BrokerContext;
  readonly #pending = new Map<Session, PendingWill>();

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** The client went without withdrawing its will [MQTT-3.1.2-8]. */
  schedule(session: Session, will: ClientWill): void {
    const { delayS } = will.will;
    if (delayS === 0) this.#publish(session, will);
    else this.#pending.set(session, { will, dueMs: this.#context.now() + delayS * 1000 });
  }

  /** The client is back in time [MQTT-3.1.3-9]. */
  cancel(session: Session): void {
    this.#pending.delete(session);
  }

  /** Its session ends before the delay is over. */
  publishNow(session: Session): void {
    const pending = this.#pending.get(session);
    if (pending === undefined) return;
    this.#pending.delete(session);
    this.#publish(session, pending.will);
  }

  /** Publishes those that are due; called now and then. */
  publishDue(nowMs: number): void {
    for (const [session, will] of this.#pending) if (will.dueMs <= nowMs) this.publishNow(session);
  }

  /** Nobody waits for an answer, so a full queue drops it, and counts. Its expiry interval begins now. */
  #publish(session: Session, { will, publisher }: ClientWill): void {
    const { qos, retain, messageExpiryS } = will;
    const expiresAtMs =
      messageExpiryS < 0 ? Number.POSITIVE_INFINITY : this.#context.clock.wallMs() + messageExpiryS * 1000;
    const properties = will.publishProperties;
    const topic = session.realm.topic(will.topic);
    const message = Message.of(topic, will.payload, { qos, retain, publisher, expiresAtMs, properties });
    this.#context.router.publish(session.realm, message, null);
  }
}
