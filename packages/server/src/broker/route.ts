import { type Qos, type StampKeys, type SubscribeRequest, subscriptionIdentifierProperty } from '@plexus/protocol';
import type { Session } from './session.ts';
import type { DeliveryTerms } from './session-store.ts';
import type { ShareGroup } from './share-group.ts';

/** One session that a topic goes to, all its matching subscriptions taken together. */
export class Target {
  readonly session: Session;
  qos: Qos;
  /** Not to the client that published: only if all matching subscriptions say so. */
  noLocal: boolean;
  retainAsPublished: boolean;
  /** The identifiers of all matching subscriptions, as MQTT 5 properties [MQTT-3.3.4-3], [MQTT-3.3.4-4]; null for none. */
  identifiers: Uint8Array | null;
  /** The filter of a shared subscription, with `$share/{group}/`; null for any other. */
  readonly share: string | null;
  readonly #terms: DeliveryTerms[] = [];

  constructor(session: Session, request: SubscribeRequest, share: string | null) {
    this.session = session;
    this.qos = request.qos;
    this.noLocal = request.noLocal;
    this.retainAsPublished = request.retainAsPublished;
    this.identifiers = identifierOf(request);
    this.share = share;
  }

  /** How the session gets a message at this QoS and RETAIN flag. The same object each time: there is one per message otherwise. */
  terms(qos: 1 | 2, retain: boolean): DeliveryTerms {
    const index = (qos - 1) * 2 + (retain ? 1 : 0);
    const known = this.#terms[index];
    if (known !== undefined) return known;
    const terms = { qos, retain, identifiers: this.identifiers, share: this.share };
    this.#terms[index] = terms;
    return terms;
  }

  /** Another subscription of the same session matches too. Only while the route is put together. */
  merge(request: SubscribeRequest): void {
    if (request.qos > this.qos) this.qos = request.qos;
    this.noLocal &&= request.noLocal;
    this.retainAsPublished ||= request.retainAsPublished;
    const more = identifierOf(request);
    if (more === null) return;
    this.identifiers = this.identifiers === null ? more : Buffer.concat([this.identifiers, more]);
  }
}

/** All local receivers of a topic, valid while the stamp of its keys is `stamp`. */
export class Route {
  readonly targets: readonly Target[];
  /** Shared subscriptions: one member of each gets the message. */
  readonly groups: readonly ShareGroup[];
  readonly keys: StampKeys;
  readonly stamp: number;
  /** Whatever the router wants to find again with the route: where else the topic goes. */
  elsewhere: unknown = null;
  /** The same of where it goes beyond the cluster. */
  beyond: unknown = null;

  constructor(targets: readonly Target[], groups: readonly ShareGroup[], keys: StampKeys, stamp: number) {
    this.targets = targets;
    this.groups = groups;
    this.keys = keys;
    this.stamp = stamp;
  }

  get size(): number {
    return this.targets.length + this.groups.length;
  }
}

function identifierOf(request: SubscribeRequest): Uint8Array | null {
  const identifier = request.subscriptionIdentifier;
  return identifier === undefined ? null : subscriptionIdentifierProperty(identifier);
}
