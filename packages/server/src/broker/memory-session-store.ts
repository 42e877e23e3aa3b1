import type { SubscribeRequest } from '@plexus/protocol';
import { Fifo } from '../lib/fifo.ts';
import { TurnoverMap } from '../lib/turnover-map.ts';
import { DeliveryWindow } from './delivery-window.ts';
import type { Message } from './message.ts';
import { Delivery, DeliveryState, type DeliveryTerms, type SessionState, type SessionStore } from './session-store.ts';

const NO_SUBSCRIPTIONS: ReadonlyMap<string, SubscribeRequest> = new Map();

class MemorySession implements SessionState {
  readonly realm: string;
  readonly clientId: string;
  readonly createdAtMs: number;
  expiryS: number;
  expiresAtMs: number | null = null;
  queuedBytes = 0;
  heldBytes = 0;
  #subscriptions: Map<string, SubscribeRequest> | null = null;
  #queue: Fifo<Delivery> | null = null;
  #window: DeliveryWindow | null = null;
  #received: Set<number> | null = null;
  #sequence = 0;
  #compactedTo = 0;

  constructor(realm: string, clientId: string, createdAtMs: number, expiryS: number) {
    this.realm = realm;
    this.clientId = clientId;
    this.createdAtMs = createdAtMs;
    this.expiryS = expiryS;
  }

  setExpiry(seconds: number): void {
    this.expiryS = seconds;
  }

  setExpiresAt(wallMs: number | null): void {
    this.expiresAtMs = wallMs;
  }

  get subscriptions(): ReadonlyMap<string, SubscribeRequest> {
    return this.#subscriptions ?? NO_SUBSCRIPTIONS;
  }

  subscribe(request: SubscribeRequest): boolean {
    this.#subscriptions ??= new Map();
    const isNew = !this.#subscriptions.has(request.filter);
    this.#subscriptions.set(request.filter, request);
    return isNew;
  }

  unsubscribe(filter: string): boolean {
    return this.#subscriptions?.delete(filter) ?? false;
  }

  get queuedMessages(): number {
    return this.#queue?.length ?? 0;
  }

  get inFlight(): number {
    return this.#window?.size ?? 0;
  }

  enqueue(message: Message, terms: DeliveryTerms): void {
    this.#queue ??= new Fifo();
    this.#queue.push(new Delivery(message, terms, this.#sequence++));
    this.queuedBytes += message.costBytes;
    this.heldBytes += message.costBytes;
  }

  peek(): Delivery | null {
    return this.#queue?.peek() ?? null;
  }

  send(): Delivery {
    const delivery = this.#queue!.shift()!;
    this.queuedBytes -= delivery.message!.costBytes;
    delivery.state = delivery.terms.qos === 1 ? DeliveryState.AwaitPuback : DeliveryState.AwaitPubrec;
    this.#window ??= new DeliveryWindow();
    this.#window.add(delivery);
    return delivery;
  }

  drop(which: 'oldest' | 'newest'): Delivery | null {
    const delivery = (which === 'oldest' ? this.#queue?.shift() : this.#queue?.pop()) ?? null;
    if (delivery !== null) {
      this.queuedBytes -= delivery.message!.costBytes;
      this.#letGo(delivery);
    }
    return delivery;
  }

  dropExpired(wallMs: number): number {
    const queue = this.#queue;
    if (queue === null) return 0;
    const before = queue.length;
    for (let left = before; left > 0; left--) {
      const delivery = queue.shift()!;
      if (delivery.message!.expiresAtMs > wallMs) queue.push(delivery);
      else {
        this.queuedBytes -= delivery.message!.costBytes;
        this.#letGo(delivery);
      }
    }
    return before - queue.length;
  }

  compact(): void {
    // What was looked at before is compact already; a stuck window costs nothing.
    if (this.#window === null || this.#compactedTo === this.#sequence) return;
    this.#compactedTo = this.#sequence;
    for (const delivery of this.#window) delivery.message?.compact();
  }

  get undelivered(): number {
    let count = this.queuedMessages;
    if (this.#window !== null) for (const delivery of this.#window) if (delivery.message !== null) count++;
    return count;
  }

  takeShared(movable: (share: string) => boolean): { message: Message; terms: DeliveryTerms }[] {
    const taken: { message: Message; terms: DeliveryTerms }[] = [];
    const take = (delivery: Delivery): boolean => {
      const { message, terms } = delivery;
      if (message === null || terms.share === null || !movable(terms.share)) return false;
      taken.push({ message, terms });
      return true;
    };
    for (const delivery of this.unacknowledged()) {
      if (delivery.terms.qos === 1 && take(delivery)) this.complete(delivery);
    }
    for (let left = this.queuedMessages; left > 0; left--) {
      const delivery = this.#queue!.shift()!;
      if (!take(delivery)) this.#queue!.push(delivery);
      else {
        this.queuedBytes -= delivery.message!.costBytes;
        this.#letGo(delivery);
      }
    }
    return taken;
  }

  find(packetId: number): Delivery | null {
    return this.#window?.get(packetId) ?? null;
  }

  release(delivery: Delivery): void {
    delivery.state = DeliveryState.AwaitPubcomp;
    this.#letGo(delivery);
  }

  complete(delivery: Delivery): void {
    this.#window!.delete(delivery.packetId);
    this.#letGo(delivery);
  }

  #letGo(delivery: Delivery): void {
    this.heldBytes -= delivery.message?.costBytes ?? 0;
    delivery.message = null;
  }

  lend(delivery: Delivery): void {
    delivery.state = DeliveryState.AwaitPuback;
    this.#window ??= new DeliveryWindow();
    this.#window.add(delivery);
  }

  unacknowledged(): Delivery[] {
    return this.#window === null ? [] : [...this.#window].sort((a, b) => a.sequence - b.sequence);
  }

  receive(packetId: number): boolean {
    this.#received ??= new Set();
    if (this.#received.has(packetId)) return false;
    this.#received.add(packetId);
    return true;
  }

  forget(packetId: number): boolean {
    return this.#received?.delete(packetId) ?? false;
  }

  clear(): void {
    this.#queue = null;
    this.#window = null;
    this.#received = null;
    this.#subscriptions = null;
    this.queuedBytes = 0;
    this.heldBytes = 0;
  }

  get received(): number {
    return this.#received?.size ?? 0;
  }
}

/** Sessions that live as long as the process. */
export class MemorySessionStore implements SessionStore {
  #sessions = new TurnoverMap<string, MemorySession>();
  #wallMs: () => number;

  /** @param wallMs milliseconds of the wall clock, for listings */
  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(realm: string, clientId: string): SessionState | null {
    return this.#sessions.get(key(realm, clientId)) ?? null;
  }

  create(realm: string, clientId: string, expiryS: number): SessionState {
    const session = new MemorySession(realm, clientId, this.#wallMs(), expiryS);
    this.#sessions.set(key(realm, clientId), session);
    return session;
  }

  remove(session: SessionState): void {
    if (!this.#sessions.delete(key(session.realm, session.clientId))) return;
    // Cached routes may keep the object for a while; not what was in it.
    (session as MemorySession).clear();
  }

  list(): Iterable<SessionState> {
    return this.#sessions.values();
  }
}

/** Neither a realm's name nor a client id holds U+0000 [MQTT-1.5.4-2], so the pair cannot be confused with another. */
function key(realm: string, clientId: string): string {
  return `${realm}\0${clientId}`;
}
