import type { MessageRecord, Receipt, SubscriptionRecord } from '../history/ledger.ts';
import type { Moment } from '../history/moment.ts';
import { Invariant, type InvariantParts } from '../invariants/invariant.ts';
import { Order } from '../invariants/order.ts';
import { Realms } from '../invariants/realms.ts';

const FAILED = 0x80;
const MIB = 1024 * 1024;
/** The bounds of a link, and what one more frame may be; messages that may wait for the directory, of all topics of a small world. */
const MAX_QUEUED_BYTES = 17 * MIB;
const MAX_PENDING_MESSAGES = 12 * 1000;
/** How long a subscriber has to be there after a message, so that what is on its way is not lost with it. */
const REMAIN_MS = 10_000;
/** A subscription that is older than this when all is calm is known to everybody. */
const KNOWN_MS = 15_000;

/** What a client may see of a mesh, whatever happens. */
export const clientInvariants = (parts: InvariantParts): readonly Invariant[] => [new Realms(parts), new Order(parts)];

/** Of small worlds, which come to rest in the end. */
export function meshInvariants(
  parts: InvariantParts,
  isAlone: (nodeId: string) => boolean,
  since: { calmMs: number },
): readonly Invariant[] {
  return [...clientInvariants(parts), new Found(parts, since), new KeptByLinks(parts, isAlone), new MeshBounded(parts)];
}

const remains = ({ until, connection }: SubscriptionRecord, ms: number): boolean =>
  [until, connection.gone, connection.life.ended].every((end: Moment | null) => end === null || end.at > ms);

/** A subscription that was granted before a message, and is there some time after it. */
function stands(subscription: SubscriptionRecord, message: MessageRecord, beforeMs: number): boolean {
  const { granted } = subscription;
  if (granted === null || granted.at + beforeMs > message.sent.at) return false;
  return remains(subscription, message.sent.at + REMAIN_MS);
}

function missed(message: MessageRecord, { connection, filter }: SubscriptionRecord): string {
  const { id, topic, qos, sent } = message;
  return (
    `message ${id} on ${topic} at QoS ${qos}, sent at ${sent.at.toFixed(1)} on ${message.connection.life.nodeId}, did not come` +
    ` to ${connection.clientId} (${filter}) on ${connection.life.nodeId}`
  );
}

/** Some time after the last disturbance everybody has found everybody: each message comes to every subscriber. Order says that it comes once. */
export class Found extends Invariant {
  readonly name = 'everybody is found';
  /** Messages that had to come, to each subscriber. */
  owed = 0;
  readonly #since: { calmMs: number };

  /** @param since when all had to be found again; Infinity: not yet */
  constructor(parts: InvariantParts, since: { calmMs: number }) {
    super(parts);
    this.#since = since;
  }

  override atEnd(): void {
    const { messages, subscriptions } = this.history.ledger;
    for (const message of messages) {
      if (message.sent.at < this.#since.calmMs) continue;
      for (const subscription of subscriptions) {
        if (subscription.connection.realm !== message.realm) continue;
        if (!this.history.matches(subscription.plain, message.topic) || !stands(subscription, message, KNOWN_MS))
          continue;
        this.owed++;
        if (!message.receivedBy.has(subscription.connection.number)) this.report(missed(message, subscription));
      }
    }
  }
}

/**
 * What was acknowledged at QoS 1 is not lost between two nodes that know each other and live, whatever happens to others: a topic of a publisher
 * that has come to a subscriber before goes on coming. Nodes of clusters are left out: a mate that speaks for them may die.
 */
export class KeptByLinks extends Invariant {
  readonly name = 'nothing acknowledged is lost';
  owed = 0;
  readonly #isAlone: (nodeId: string) => boolean;
  /** Topics of publishers' connections that have come by each subscription, and when they first did. */
  readonly #knownSince = new Map<SubscriptionRecord, Map<string, number>>();

  constructor(parts: InvariantParts, isAlone: (nodeId: string) => boolean) {
    super(parts);
    this.#isAlone = isAlone;
  }

  override onReceived({ message, connection }: Receipt): void {
    const by = connection.subscriptions.filter(
      ({ plain, until }) => until === null && this.history.matches(plain, message.topic),
    );
    // Of several it cannot be told which of them is known there.
    if (by.length !== 1) return;
    let lines = this.#knownSince.get(by[0]!);
    if (lines === undefined) {
      lines = new Map();
      this.#knownSince.set(by[0]!, lines);
    }
    const line = lineOf(message);
    if (!lines.has(line)) lines.set(line, this.history.time.now);
  }

  override atEnd(): void {
    const { messages, subscriptions } = this.history.ledger;
    for (const message of messages) {
      const { answered, reason, qos, connection } = message;
      if (qos === 0 || answered === null || reason! >= FAILED || !this.#isAlone(connection.life.nodeId)) continue;
      for (const subscription of subscriptions) {
        if (subscription.qos === 0 || !this.#isAlone(subscription.connection.life.nodeId)) continue;
        const known = this.#knownSince.get(subscription)?.get(lineOf(message));
        if (known === undefined || known >= message.sent.at) continue;
        if (!this.history.matches(subscription.plain, message.topic) || !stands(subscription, message, KNOWN_MS))
          continue;
        if (!remains(subscription, answered.at + REMAIN_MS)) continue;
        this.owed++;
        if (!message.receivedBy.has(subscription.connection.number)) this.report(missed(message, subscription));
      }
    }
  }
}

const lineOf = ({ connection, topic }: MessageRecord): string => `${connection.number} ${topic}`;

/** No queue grows beyond its bound, and at rest nothing is left in any. */
export class MeshBounded extends Invariant {
  readonly name = 'bounded queues';

  override everySecond(): void {
    for (const { life, view } of this.parts.running()) {
      const pending = view.mesh?.pendingMessages ?? 0;
      if (pending > MAX_PENDING_MESSAGES)
        this.report(`${life.nodeId} has ${pending} messages waiting for the directory`);
      for (const { peerId, queuedBytes } of view.links()) {
        if (queuedBytes > MAX_QUEUED_BYTES) this.report(`${life.nodeId} has ${queuedBytes} bytes queued for ${peerId}`);
      }
    }
  }

  override atEnd(): void {
    for (const { life, view } of this.parts.running()) {
      const waiting = view.queuedMessages() + (view.mesh?.pendingMessages ?? 0);
      if (waiting > 0) this.report(`${life.nodeId} keeps ${waiting} messages though nobody publishes`);
      for (const { peerId, queuedBytes, heldBytes } of view.links()) {
        const bytes = queuedBytes + heldBytes;
        if (bytes > 0) this.report(`${life.nodeId} keeps ${bytes} bytes for ${peerId}`);
      }
    }
  }
}
