import type { SubscribeRequest } from '@plexus/protocol';
import type { BrokerContext } from './context.ts';
import { EncodedMessage } from './encoded-message.ts';
import type { Feeder } from './feed-scheduler.ts';
import type { Message } from './message.ts';
import type { PublishRun } from './publish-run.ts';
import type { Realm } from './realm.ts';
import { NOT_FOUND_YET, RetainedFeed } from './retained-feed.ts';
import {
  type CommitTarget,
  type Delivery,
  DeliveryState,
  type DeliveryTerms,
  type SessionState,
} from './session-store.ts';
import { Subscription } from './subscription.ts';

/** What a session needs of the connection that serves it at the moment. */
export interface SessionConnection {
  /** The client's receive maximum, or ours if that is lower; less the places that others on the connection have taken. */
  readonly window: number;
  /** Persistent subscriptions of stores that it consumes, beside what the session keeps. */
  readonly storeSubscriptions: number;
  /** Whether more QoS 1 and 2 may be written now; else they wait in the queue until it drains. */
  readonly hasRoom: boolean;
  /** Whether the client takes a packet of this message [MQTT-3.1.2-24]. */
  accepts(message: Message, identifiers: Uint8Array | null): boolean;
  sendDelivery(delivery: Delivery, dup: boolean): void;
  sendRelease(packetId: number): void;
  sendQos0(message: EncodedMessage, retain: boolean, identifiers: Uint8Array | null): void;
  /** Whether `sendQos0` would send the message rather than drop it. */
  hasRoomForQos0(message: Message, identifiers: Uint8Array | null): boolean;
  /** @param identifiers subscription identifiers, as MQTT 5 properties */
  sendRun(run: PublishRun, identifiers: Uint8Array | null): void;
  close(reason: 'queue_full'): void;
}

/**
 * A client's session at work: its state, its place in the realm, and the connection it has at the moment. Messages at QoS 1 and
 * 2 go through the queue of the state into the window, as far as the window and the connection have room.
 */
export class Session implements Feeder {
  /** Order of creation in this process, for paged listings. */
  readonly number: number;
  readonly realm: Realm;
  readonly state: SessionState;
  connection: SessionConnection | null = null;
  /** Used by `Realm.route` while it puts a route together. */
  routeBuild = 0;
  routeIndex = 0;
  readonly #context: BrokerContext;
  #subscriptions: Map<string, Subscription> | null = null;
  /** Sent on this connection and not yet acknowledged to the end. */
  #outstanding = 0;
  /** In flight from an earlier connection, to be sent again, oldest first. */
  #resend: Delivery[] | null = null;
  #resendAt = 0;
  /** By filter, oldest first; null when there never was one: every session would pay for a map. */
  #feeds: Map<string, RetainedFeed> | null = null;
  #expiredDroppedMs = Number.NEGATIVE_INFINITY;
  #feedScheduled = false;
  #ended = false;

  constructor(context: BrokerContext, realm: Realm, state: SessionState, number: number) {
    this.number = number;
    this.#context = context;
    this.realm = realm;
    this.state = state;
    for (const request of state.subscriptions.values()) this.#register(request);
  }

  get clientId(): string {
    return this.state.clientId;
  }

  /** Messages of the session that are sent on this connection and not yet acknowledged to the end. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** @returns whether the subscription is new */
  subscribe(request: SubscribeRequest): boolean {
    const isNew = this.state.subscribe(request);
    const known = this.#subscriptions?.get(request.filter);
    if (known === undefined) this.#register(request);
    else {
      known.request = request;
      this.realm.changed(known);
    }
    return isNew;
  }

  /** @returns whether there was one */
  unsubscribe(filter: string): boolean {
    this.#feeds?.delete(filter);
    const subscription = this.#subscriptions?.get(filter);
    if (subscription !== undefined) {
      this.#subscriptions!.delete(filter);
      this.realm.remove(subscription);
    }
    return this.state.unsubscribe(filter);
  }

  /** Gives the client the retained messages that match, as fast as it takes them. */
  feedRetained(request: SubscribeRequest): void {
    this.#feeds ??= new Map();
    this.#feeds.delete(request.filter);
    this.#feeds.set(request.filter, new RetainedFeed(request, this.#context.retained, this.realm.name));
    this.#scheduleFeed();
  }

  /** Whether another message fits into the queue, by its own bounds and the node's. */
  hasRoomFor(message: Message): boolean {
    return this.#fits(message) || (this.#dropExpired() && this.#fits(message));
  }

  /** Takes a message at QoS 1 or 2. When there is no room, `queueFull` decides what goes. */
  deliver(message: Message, terms: DeliveryTerms, commit: CommitTarget | null): void {
    // Ended by what this very message did to an earlier target.
    if (this.#ended) return;
    if (!this.hasRoomFor(message) && !this.#makeRoom(message)) return;
    this.#enqueue(message, terms, commit);
    if (this.connection !== null) this.pump();
    // Who waits may wait long: not in a read buffer that is larger than the message.
    if (this.state.queuedMessages > 0) message.compact();
  }

  /** Sends what the window and the connection have room for. */
  pump(): void {
    const connection = this.connection;
    if (connection === null) return;
    if (this.#resend !== null) this.#pumpResend(connection);
    const state = this.state;
    while (this.#outstanding < connection.window && connection.hasRoom) {
      const next = state.peek();
      if (next === null) break;
      if (next.message!.expiresAtMs <= this.#context.clock.wallMs()) {
        this.#drop('oldest', 'expired');
      } else if (!connection.accepts(next.message!, next.terms.identifiers)) {
        this.#drop('oldest', 'too_large');
      } else {
        this.#outstanding++;
        connection.sendDelivery(state.send(), false);
      }
    }
    if (this.#hasFeeds) this.#scheduleFeed();
  }

  /** The client has done with a delivery. */
  complete(delivery: Delivery): void {
    // What was not sent again yet on this connection takes no place in its window.
    const waits = this.#resend !== null && delivery.sequence >= this.#resend[this.#resendAt]!.sequence;
    this.#complete(delivery);
    if (!waits) this.#outstanding--;
    if (this.#resend !== null || this.state.queuedMessages > 0 || this.#hasFeeds) this.pump();
  }

  /** PUBREC came: the message is no longer needed, its packet id is. */
  release(delivery: Delivery): void {
    const before = this.state.heldBytes;
    this.state.release(delivery);
    this.#context.queuedBytes.total += this.state.heldBytes - before;
  }

  attach(connection: SessionConnection): void {
    this.connection = connection;
    this.state.setExpiresAt(null);
    this.#outstanding = 0;
    const unacknowledged = this.state.unacknowledged();
    this.#resend = unacknowledged.length > 0 ? unacknowledged : null;
    this.#resendAt = 0;
    this.#tellPresence();
    this.pump();
  }

  detach(): void {
    if (this.connection === null) return;
    this.connection = null;
    this.#tellPresence();
    this.#resend = null;
    this.compact();
    // Others of the group are there and need not wait for this one, MQTT 5.0 §4.8.2.
    this.#handOver((share) => this.#hasConnectedMember(share));
  }

  /** Called now and then: goes on with what waits for room that others have given back. */
  tend(): void {
    if (this.#hasFeeds) this.#scheduleFeed();
    this.compact();
  }

  /** Moves what is in flight out of read buffers: it has been there for a while. */
  compact(): void {
    this.state.compact();
  }

  /** Takes the session out of the realm for good. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const subscription of this.#subscriptions?.values() ?? []) this.realm.remove(subscription);
    this.#subscriptions = null;
    this.#feeds = null;
    // To whoever there is, also without a connection.
    this.#handOver(() => true);
    const { counters, queuedBytes } = this.#context;
    queuedBytes.total -= this.state.heldBytes;
    const lost = this.state.undelivered;
    if (lost > 0) counters.drop('session_ended', lost);
  }

  feed(most: number): number {
    this.#feedScheduled = false;
    let steps = 0;
    while (this.#canFeed()) {
      if (steps === most) {
        this.#scheduleFeed();
        break;
      }
      steps++;
      if (!this.#feedNext()) break;
    }
    return steps;
  }

  get #hasFeeds(): boolean {
    return this.#feeds !== null && this.#feeds.size > 0;
  }

  #tellPresence(): void {
    if (this.#subscriptions !== null) this.realm.presenceChanged(this.#subscriptions.keys());
  }

  #register(request: SubscribeRequest): void {
    const subscription = new Subscription(this, request);
    this.#subscriptions ??= new Map();
    this.#subscriptions.set(request.filter, subscription);
    this.realm.add(subscription);
  }

  #hasConnectedMember(share: string): boolean {
    return this.realm.group(share)?.hasConnected === true || this.#context.router.hasMemberElsewhere(this.realm, share);
  }

  /** Gives what came from shared subscriptions to other members of theirs. */
  #handOver(movable: (share: string) => boolean): void {
    const before = this.state.heldBytes;
    const taken = this.state.takeShared(movable);
    this.#context.queuedBytes.total += this.state.heldBytes - before;
    for (const { message, terms } of taken) {
      const share = terms.share!;
      const group = this.realm.group(share);
      if (group?.hasConnected !== true && this.#context.router.handOver(this.realm, share, message)) continue;
      const member = group?.choose(message) ?? null;
      if (member === null) this.#context.counters.drop('session_ended', 1);
      else if (member.qos === 0) {
        member.session.connection?.sendQos0(new EncodedMessage(message), false, member.identifiers);
      } else member.session.deliver(message, member.terms(member.qos === 1 ? 1 : terms.qos, terms.retain), null);
    }
  }

  #fits(message: Message): boolean {
    const { options, queuedBytes } = this.#context;
    const cost = message.costBytes;
    return (
      this.state.queuedMessages < options.maxQueuedMessages &&
      this.state.heldBytes + cost <= options.maxQueuedBytes &&
      queuedBytes.total + cost <= options.maxTotalQueuedBytes
    );
  }

  /** Makes room by what nobody wants any more; looks through the queue once a second at most. */
  #dropExpired(): boolean {
    const now = this.#context.now();
    if (now - this.#expiredDroppedMs < 1000 || this.state.queuedMessages === 0) return false;
    this.#expiredDroppedMs = now;
    const before = this.state.heldBytes;
    const dropped = this.state.dropExpired(this.#context.clock.wallMs());
    this.#context.queuedBytes.total += this.state.heldBytes - before;
    if (dropped > 0) this.#context.counters.drop('expired', dropped);
    return dropped > 0;
  }

  #enqueue(message: Message, terms: DeliveryTerms, commit: CommitTarget | null): void {
    const before = this.state.heldBytes;
    this.state.enqueue(message, terms, commit);
    this.#context.queuedBytes.total += this.state.heldBytes - before;
  }

  #drop(which: 'oldest' | 'newest', reason: 'expired' | 'too_large' | 'queue_oldest'): boolean {
    const before = this.state.heldBytes;
    if (this.state.drop(which) === null) return false;
    this.#context.queuedBytes.total += this.state.heldBytes - before;
    this.#context.counters.drop(reason, 1);
    return true;
  }

  #complete(delivery: Delivery): void {
    const before = this.state.heldBytes;
    this.state.complete(delivery);
    this.#context.queuedBytes.total += this.state.heldBytes - before;
  }

  #makeRoom(message: Message): boolean {
    const { options, counters } = this.#context;
    if (options.queueFull === 'drop-oldest' && this.#couldFit(message)) {
      while (!this.hasRoomFor(message)) {
        if (this.#drop('oldest', 'queue_oldest')) continue;
        counters.drop('queue_newest', 1);
        return false;
      }
      return true;
    }
    if (options.queueFull === 'disconnect') this.connection?.close('queue_full');
    // `reject` comes here only for messages that nobody can be refused for, such as wills.
    counters.drop(options.queueFull === 'reject' ? 'refused' : 'queue_newest', 1);
    return false;
  }

  /** Whether it would fit if nothing waited here: else dropping what waits would only add to the loss. */
  #couldFit(message: Message): boolean {
    const { options, queuedBytes } = this.#context;
    const withIt = message.costBytes - this.state.queuedBytes;
    return (
      this.state.heldBytes + withIt <= options.maxQueuedBytes &&
      queuedBytes.total + withIt <= options.maxTotalQueuedBytes
    );
  }

  #pumpResend(connection: SessionConnection): void {
    const resend = this.#resend!;
    while (this.#resendAt < resend.length) {
      if (this.#outstanding >= connection.window || !connection.hasRoom) return;
      const delivery = resend[this.#resendAt++]!;
      // Acknowledged meanwhile, out of turn.
      if (this.state.find(delivery.packetId) !== delivery) continue;
      // The client may have come back with a smaller maximum packet size [MQTT-3.1.2-25].
      if (delivery.message !== null && !connection.accepts(delivery.message, delivery.terms.identifiers)) {
        this.#complete(delivery);
        this.#context.counters.drop('too_large', 1);
        continue;
      }
      this.#outstanding++;
      if (delivery.state === DeliveryState.AwaitPubcomp) connection.sendRelease(delivery.packetId);
      else connection.sendDelivery(delivery, true);
    }
    this.#resend = null;
  }

  #scheduleFeed(): void {
    if (this.#feedScheduled) return;
    this.#feedScheduled = true;
    this.#context.feeds.add(this);
  }

  /** Only into free room, so that nothing of it is dropped. */
  #canFeed(): boolean {
    const connection = this.connection;
    if (!this.#hasFeeds || this.#ended || connection === null) return false;
    return this.state.queuedMessages === 0 && connection.hasRoom && this.#outstanding < connection.window;
  }

  /** @returns false when the next message has no room */
  #feedNext(): boolean {
    const feed: RetainedFeed = this.#feeds!.values().next().value!;
    const message = feed.peek(this.#context.clock.wallMs());
    if (message === null) this.#feeds!.delete(feed.filter);
    if (message === null || message === NOT_FOUND_YET) return true;
    const connection = this.connection!;
    const qos = message.qos < feed.qos ? message.qos : feed.qos;
    if (qos === 0 ? !connection.hasRoomForQos0(message, feed.identifiers) : !this.hasRoomFor(message)) return false;
    feed.advance();
    if (qos === 0) connection.sendQos0(new EncodedMessage(message), true, feed.identifiers);
    else this.deliver(message, { qos, retain: true, identifiers: feed.identifiers, share: null }, null);
    return true;
  }
}
