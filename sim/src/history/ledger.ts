import type { Qos } from '@plexus/protocol';
import type { Life } from './lives.ts';
import type { Moment, Moments } from './moment.ts';

/** One connection of one client. */
export interface ConnectionRecord {
  readonly number: number;
  readonly clientId: string;
  readonly realm: string;
  readonly life: Life;
  connected: Moment | null;
  gone: Moment | null;
  /** Of the broker's DISCONNECT. */
  goneReason: number | null;
  readonly subscriptions: SubscriptionRecord[];
}

export interface SubscriptionRecord {
  readonly connection: ConnectionRecord;
  /** As subscribed. */
  readonly filter: string;
  /** Without `$share/{group}/`. */
  readonly plain: string;
  /** null: not shared. */
  readonly share: string | null;
  /** Granted. */
  readonly qos: number;
  readonly requested: Moment;
  /** SUBACK came. */
  granted: Moment | null;
  /** UNSUBSCRIBE set out. */
  until: Moment | null;
}

export interface MessageRecord {
  readonly id: number;
  readonly connection: ConnectionRecord;
  readonly realm: string;
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly sent: Moment;
  answered: Moment | null;
  reason: number | null;
  /** Connections that got it, retained copies not counted. */
  readonly receivedBy: Set<number>;
}

export interface Receipt {
  readonly message: MessageRecord;
  readonly connection: ConnectionRecord;
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly dup: boolean;
}

/** Everything that clients did and saw. */
export class Ledger {
  readonly connections: ConnectionRecord[] = [];
  readonly messages: MessageRecord[] = [];
  readonly subscriptions: SubscriptionRecord[] = [];
  readonly #moments: Moments;

  constructor(moments: Moments) {
    this.#moments = moments;
  }

  opened(clientId: string, realm: string, life: Life): ConnectionRecord {
    const connection: ConnectionRecord = {
      number: this.connections.length,
      clientId,
      realm,
      life,
      connected: null,
      gone: null,
      goneReason: null,
      subscriptions: [],
    };
    this.connections.push(connection);
    return connection;
  }

  connected(connection: ConnectionRecord): void {
    connection.connected = this.#moments.next();
  }

  gone(connection: ConnectionRecord, reason: number | null): void {
    connection.gone ??= this.#moments.next();
    connection.goneReason = reason;
    for (const subscription of connection.subscriptions) subscription.until ??= connection.gone;
  }

  subscribing(connection: ConnectionRecord, filter: string, qos: number): void {
    const [, share = null, plain = filter] = /^\$share\/([^/]+)\/(.+)$/.exec(filter) ?? [];
    const requested = this.#moments.next();
    const record = { connection, filter, plain, share, qos, requested, granted: null, until: null };
    connection.subscriptions.push(record);
    this.subscriptions.push(record);
  }

  subscribed(connection: ConnectionRecord, filter: string): void {
    const record = connection.subscriptions.findLast((each) => each.filter === filter);
    if (record !== undefined) record.granted ??= this.#moments.next();
  }

  unsubscribing(connection: ConnectionRecord, filter: string): void {
    for (const each of connection.subscriptions) if (each.filter === filter) each.until ??= this.#moments.next();
  }

  /** @returns the record; its id is what the payload has to begin with */
  sending(connection: ConnectionRecord, topic: string, qos: Qos, retain: boolean): MessageRecord {
    const message: MessageRecord = {
      id: this.messages.length,
      connection,
      realm: connection.realm,
      topic,
      qos,
      retain,
      sent: this.#moments.next(),
      answered: null,
      reason: null,
      receivedBy: new Set(),
    };
    this.messages.push(message);
    return message;
  }

  answered(message: MessageRecord, reason: number): void {
    message.answered = this.#moments.next();
    message.reason = reason;
  }

  received(
    connection: ConnectionRecord,
    payload: string,
    topic: string,
    qos: Qos,
    retain: boolean,
    dup: boolean,
  ): Receipt {
    const message = this.messages[Number.parseInt(payload, 10)];
    if (message === undefined) throw new Error(`a message that nobody has sent: ${topic} ${payload}`);
    return { message, connection, topic, qos, retain, dup };
  }
}
