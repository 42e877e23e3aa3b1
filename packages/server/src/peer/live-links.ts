import type { Clock } from '../lib/clock.ts';
import type { Turn } from '../lib/turn.ts';
import type { Introduced } from './introduction.ts';
import type { LinkCloseReason, LinkEvents, LinkPurpose, PeerFacts } from './link-ports.ts';
import { LinkSet, linkKey } from './link-set.ts';
import { type LinkOptions, type LinkOwner, PeerLink } from './peer-link.ts';
import type { PoolCounters } from './pool-counters.ts';
import { refuseChannel } from './refuse-channel.ts';

/** A link that is evicted gets so long to send what waits, and to be answered. */
const EVICT_GRACE_MS = 2000;
/** Longer than any drain: its deadline ends it. */
const DRAIN_GRACE_MS = 600_000;

export interface LiveLinksSetup {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly options: LinkOptions;
  /** Links that nobody has pinned. */
  readonly maxLinks: number;
  readonly counters: PoolCounters;
  events(purpose: LinkPurpose): LinkEvents;
  /** The link is lost or closed. */
  down(key: string): void;
  /** A link that nobody keeps is lost, and holds frames that the peer has not answered, or was relayed: then its end says nothing of the peer. */
  redial(link: PeerLink): void;
}

/** The links from their introduction to their end: which channel belongs to which, which one has to go, and when a lost one is given up. */
export class LiveLinks implements LinkOwner {
  readonly #setup: LiveLinksSetup;
  readonly #links = new LinkSet();
  /** Evicted or drained, and not yet closed. */
  readonly #ending = new Map<string, PeerLink>();
  /** Somebody waits until `#ending` is empty. */
  #allEnded: (() => void) | null = null;

  constructor(setup: LiveLinksSetup) {
    this.#setup = setup;
  }

  get size(): number {
    return this.#links.size;
  }

  all(): Iterable<PeerLink> {
    return this.#links.links();
  }

  /** Up or lost; null: none. */
  find(key: string): PeerLink | null {
    const link = this.#links.get(key);
    return link === null || link.state === 'closed' ? null : link;
  }

  /** For somebody who is about to use it: null if it cannot be used, or was silent for too long. */
  alive(key: string): PeerLink | null {
    const link = this.#links.get(key);
    if (link === null) return null;
    const nowMs = this.#setup.clock.now();
    link.tick(nowMs);
    if (link.state !== 'up') return null;
    this.#links.touch(key, nowMs);
    return link;
  }

  /** Whether the peer may introduce itself: not if a later start of the same identity is here. */
  welcomes(purpose: LinkPurpose, { peerId, incarnation }: PeerFacts): LinkCloseReason | null {
    const link = this.find(linkKey(purpose, peerId));
    return link !== null && link.peer.incarnation > incarnation ? 'same_identity' : null;
  }

  /** A channel is ready: the link that is there goes on over it, or gives way to a new one. @returns the link; null: it did not stay up */
  introduced(introduced: Introduced): PeerLink | null {
    const { purpose, peer, channel } = introduced;
    // A later start may have been faster.
    const unwelcome = this.welcomes(purpose, peer);
    if (unwelcome !== null) {
      refuseChannel(channel, unwelcome);
      return null;
    }
    const key = linkKey(purpose, peer.peerId);
    const link = introduced.resumed ? this.#resume(key, introduced) : this.#replace(key, introduced);
    return link?.state === 'up' ? link : null;
  }

  pin(key: string): void {
    this.#links.pin(key);
  }

  unpin(key: string): void {
    this.#links.unpin(key, this.#setup.clock.now());
    this.#evict(this.#setup.maxLinks);
  }

  tick(): void {
    const nowMs = this.#setup.clock.now();
    this.#links.tick(nowMs, this.#setup.options.silentMs, (link, reason) => link.close(reason));
    for (const link of this.#ending.values()) link.tick(nowMs);
  }

  /** Ends all links when what was sent on them is answered. */
  async drain(deadline: AbortSignal): Promise<void> {
    for (const link of [...this.#links.links()]) this.#end(link, 'leaving', DRAIN_GRACE_MS);
    if (this.#ending.size === 0 || deadline.aborted) return;
    await new Promise<void>((resolve) => {
      this.#allEnded = resolve;
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  stop(): void {
    for (const link of [...this.#links.links(), ...this.#ending.values()]) link.close('leaving');
  }

  linkLost(link: PeerLink, reason: LinkCloseReason): void {
    const key = keyOf(link);
    if (this.#ending.get(key) === link) {
      link.close(reason);
      return;
    }
    this.#links.lost(key, link, reason, this.#setup.clock.now());
    this.#setup.down(key);
    if (!link.pinned && (link.heldBytes > 0 || link.isRelayed)) this.#setup.redial(link);
  }

  linkClosed(link: PeerLink): void {
    const key = keyOf(link);
    if (this.#links.remove(key, link)) this.#setup.down(key);
    if (this.#ending.get(key) === link) this.#ending.delete(key);
    if (this.#ending.size === 0) this.#allEnded?.();
  }

  #resume(key: string, introduced: Introduced): PeerLink | null {
    const link = this.find(key);
    if (link?.session !== introduced.session) {
      refuseChannel(introduced.channel, 'forgotten');
      return null;
    }
    link.attach(introduced);
    this.#links.resumed(key, this.#setup.clock.now());
    return link;
  }

  #replace(key: string, introduced: Introduced): PeerLink {
    const { clock, turn, options, maxLinks } = this.#setup;
    this.#ending.get(key)?.close('forgotten');
    const before = this.find(key);
    before?.close(before.peer.incarnation === introduced.peer.incarnation ? 'forgotten' : 'restarted');
    if (!this.#links.isPinned(key)) this.#evict(maxLinks - 1);
    const { purpose } = introduced;
    const events = this.#setup.events(purpose);
    const link = new PeerLink({ purpose, introduced, clock, turn, events, options, owner: this });
    this.#links.add(key, link, clock.now());
    link.open();
    return link;
  }

  #evict(max: number): void {
    for (let link = this.#links.surplus(max); link !== null; link = this.#links.surplus(max)) {
      this.#setup.counters.evictions++;
      this.#end(link, 'evicted', EVICT_GRACE_MS);
    }
  }

  /** From here on nobody finds it; it sends what it has, and is closed. */
  #end(link: PeerLink, reason: LinkCloseReason, graceMs: number): void {
    if (link.state === 'lost') {
      link.close(reason);
      return;
    }
    const key = keyOf(link);
    this.#links.remove(key, link);
    this.#ending.set(key, link);
    link.end(reason, graceMs);
  }
}

function keyOf(link: PeerLink): string {
  return linkKey(link.purpose, link.peer.peerId);
}
