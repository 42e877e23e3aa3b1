import type { Clock } from '../lib/clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type {
  Gatekeeper,
  Link,
  LinkCloseReason,
  LinkEvents,
  LinkInfo,
  LinkState,
  PeerFacts,
  ProofContext,
} from '../peer/link-ports.ts';

const LATENCY_MS = 1;
const REDIAL_MS = 100;

/** A start of a node, as others see it. */
export interface FakeStart {
  readonly nodeId: string;
  readonly incarnation: number;
  readonly addresses: readonly string[];
}

/** Links between nodes in one process, without channels, frames and queues: for tests of those who use links. */
export class FakeLinks {
  readonly clock: Clock;
  readonly #pools: FakePool[] = [];
  readonly #cuts = new Set<string>();
  readonly #barred = new Set<string>();
  readonly #aliases = new Map<string, FakePool>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  pool(start: FakeStart): FakePool {
    const pool = new FakePool(this, start);
    this.#pools.push(pool);
    return pool;
  }

  /** Nobody answers at its addresses from now on, and its links break. */
  crash(pool: FakePool): void {
    this.#pools.splice(this.#pools.indexOf(pool), 1);
    pool.halt();
    for (const link of pool.links()) link.other?.lose('channel_lost');
  }

  /** Nothing passes between two nodes. @param reason what both ends make of it */
  cut(a: FakePool, b: FakePool, reason: LinkCloseReason = 'channel_lost'): void {
    this.#cuts.add(key(a, b)).add(key(b, a));
    a.find(b.start.nodeId)?.lose(reason);
    b.find(a.start.nodeId)?.lose(reason);
  }

  heal(a: FakePool, b: FakePool): void {
    this.#cuts.delete(key(a, b));
    this.#cuts.delete(key(b, a));
  }

  /** `from` cannot dial `to` any more; the other way it goes. */
  bar(from: FakePool, to: FakePool): void {
    this.#barred.add(key(from, to));
  }

  /** A node answers at an address that it does not know. */
  alias(address: string, pool: FakePool): void {
    this.#aliases.set(address, pool);
  }

  /** Who answers a dial, or why nobody does. */
  answer(from: FakePool, target: PeerTarget): FakePool | 'peer_refused' | 'peer_unreachable' | 'peer_identity' {
    const alias = target.addresses.map((address) => this.#aliases.get(address)).find((pool) => pool !== undefined);
    const isAt = ({ start }: FakePool) => start.addresses.some((address) => target.addresses.includes(address));
    const to = alias ?? this.#pools.find(isAt);
    if (to === undefined) return 'peer_refused';
    if (to === from || (target.peerId !== null && to.start.nodeId !== target.peerId)) return 'peer_identity';
    return this.#cuts.has(key(from, to)) || this.#barred.has(key(from, to)) ? 'peer_unreachable' : to;
  }
}

export class FakePool {
  readonly start: FakeStart;
  readonly network: FakeLinks;
  gatekeeper: Gatekeeper | null = null;
  events: LinkEvents | null = null;
  readonly #links = new Map<string, FakeLink>();
  readonly #kept = new Set<{ target: PeerTarget }>();
  #halted = false;

  constructor(network: FakeLinks, start: FakeStart) {
    this.network = network;
    this.start = start;
  }

  /** Targets that are kept at the moment. */
  get kept(): PeerTarget[] {
    return [...this.#kept].map(({ target }) => target);
  }

  open(_purpose: 'cluster', gatekeeper: Gatekeeper, events: LinkEvents): void {
    this.gatekeeper = gatekeeper;
    this.events = events;
  }

  keep(_purpose: 'cluster', target: PeerTarget) {
    const entry = { target };
    this.#kept.add(entry);
    this.#dial(entry);
    return {
      update: (addresses: readonly string[]) => {
        entry.target = { peerId: target.peerId, addresses };
      },
      stop: () => void this.#kept.delete(entry),
    };
  }

  remove(_purpose: 'cluster', peerId: string, reason: LinkCloseReason): void {
    this.#links.get(peerId)?.close(reason);
  }

  find(peerId: string): FakeLink | null {
    return this.#links.get(peerId) ?? null;
  }

  links(): FakeLink[] {
    return [...this.#links.values()];
  }

  /** Does and hears nothing any more. */
  halt(): void {
    this.#halted = true;
    this.#kept.clear();
    for (const link of this.#links.values()) link.isHalted = true;
  }

  put(link: FakeLink): void {
    this.#links.set(link.peer.peerId, link);
  }

  delete(link: FakeLink): void {
    if (this.find(link.peer.peerId) === link) this.#links.delete(link.peer.peerId);
  }

  #dial(entry: { target: PeerTarget }): void {
    const { clock } = this.network;
    clock.setTimeout(() => {
      if (this.#halted || !this.#kept.has(entry)) return;
      this.#try(entry.target);
      clock.setTimeout(() => this.#dial(entry), REDIAL_MS);
    }, LATENCY_MS);
  }

  #try(target: PeerTarget): void {
    if (target.peerId !== null && this.find(target.peerId)?.state === 'up') return;
    const to = this.network.answer(this, target);
    if (typeof to === 'string') this.events!.onUnreachable(target, to);
    else if (to.events !== null && this.find(to.start.nodeId)?.state !== 'up') connect(this, to);
  }
}

export class FakeLink implements Link {
  readonly purpose = 'cluster' as const;
  readonly peer: PeerFacts;
  state: LinkState = 'up';
  queuedBytes = 0;
  heldBytes = 0;
  isFull = false;
  isHalted = false;
  other: FakeLink | null = null;
  /** Numbers of data frames that were dealt with. */
  readonly doneNumbers: number[] = [];
  readonly #pool: FakePool;
  readonly #address: string | null;

  /** @param address that was dialled; null: the other end has dialled */
  constructor(pool: FakePool, peer: PeerFacts, address: string | null) {
    this.#pool = pool;
    this.peer = peer;
    this.#address = address;
  }

  control(type: number, body: Uint8Array): void {
    const { other } = this;
    if (this.state !== 'up' || other === null) return;
    const bytes = Uint8Array.from(body);
    this.#later(() => {
      if (this.state === 'up' && other.state === 'up' && !other.isHalted) {
        other.#pool.events!.onControl(other, type, bytes, 0, bytes.length);
      }
    });
  }

  lose(reason: LinkCloseReason): void {
    if (this.state !== 'up' || this.isHalted) return;
    this.state = 'lost';
    this.#pool.events!.onLost(this, reason);
  }

  resume(): void {
    if (this.state === 'up') this.lose('channel_lost');
    this.state = 'up';
    this.#pool.events!.onResumed(this);
  }

  close(reason: LinkCloseReason): void {
    const wasUp = this.state === 'up';
    const { other } = this;
    this.closed(reason);
    if (wasUp && other !== null) this.#later(() => other.closed(reason));
  }

  closed(reason: LinkCloseReason): void {
    if (this.state === 'closed' || this.isHalted) return;
    this.state = 'closed';
    this.#pool.delete(this);
    this.#pool.events!.onClosed(this, reason, []);
  }

  info(): LinkInfo {
    return {
      direction: this.#address === null ? 'inbound' : 'outbound',
      address: this.#address ?? '/memory/0',
    } as LinkInfo;
  }

  done(number: number): void {
    this.doneNumbers.push(number);
  }

  whenRoom(): void {}
  loose(): boolean {
    return true;
  }
  held(): void {}
  resumeData(): void {}

  #later(run: () => void): void {
    this.#pool.network.clock.setTimeout(run, LATENCY_MS);
  }
}

function key(a: FakePool, b: FakePool): string {
  return `${a.start.nodeId} ${b.start.nodeId}`;
}

/** An introduction, and the links that come of it. */
function connect(from: FakePool, to: FakePool): void {
  const refused = introduce(from, to);
  if (refused !== null) {
    from.events!.onRefused(to.start.nodeId, refused, '');
    to.events!.onRefused(from.start.nodeId, refused, '');
    return;
  }
  const [ours, theirs] = [from.find(to.start.nodeId), to.find(from.start.nodeId)];
  if (ours !== null && ours.other === theirs && theirs !== null) {
    theirs.resume();
    ours.resume();
    return;
  }
  // Another process with the same identity has lost its channel.
  if (theirs !== null && theirs.other !== ours) theirs.other?.lose('channel_lost');
  theirs?.closed(theirs.peer.incarnation === from.start.incarnation ? 'forgotten' : 'restarted');
  ours?.closed(ours.peer.incarnation === to.start.incarnation ? 'forgotten' : 'restarted');
  const up = new FakeLink(from, facts(to), to.start.addresses[0]!);
  up.other = new FakeLink(to, facts(from), null);
  up.other.other = up;
  from.put(up);
  to.put(up.other);
  to.events!.onUp(up.other);
  from.events!.onUp(up);
}

function introduce(from: FakePool, to: FakePool): LinkCloseReason | null {
  const welcome = to.gatekeeper!.welcomes(facts(from)) ?? from.gatekeeper!.welcomes(facts(to));
  if (welcome !== null) return welcome;
  const context = (role: ProofContext['role']): ProofContext => ({
    role,
    initiatorNonce: new Uint8Array(32).fill(1),
    responderNonce: new Uint8Array(32).fill(2),
    initiatorPeerId: from.start.nodeId,
    responderPeerId: to.start.nodeId,
    version: 2,
  });
  return (
    to.gatekeeper!.check(context('initiator'), from.gatekeeper!.prove(context('initiator'))) ??
    from.gatekeeper!.check(context('responder'), to.gatekeeper!.prove(context('responder')))
  );
}

function facts({ start, gatekeeper }: FakePool): PeerFacts {
  const { nodeId, incarnation, addresses } = start;
  return { peerId: nodeId, incarnation, addresses, version: 2, features: 0, greeting: gatekeeper!.greeting() };
}
