import type { Timer } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import { type RateLimitedLog, rateLimited } from '../lib/log.ts';
import { endpointOf } from './addresses.ts';
import type { PeerTarget } from './channel.ts';
import type { Waiter } from './contact.ts';
import { contactError } from './contact-error.ts';
import { addressKey, Contacts } from './contacts.ts';
import { LINK_PROTOCOL } from './dial.ts';
import { InboundIntroductions } from './inbound-introductions.ts';
import type { Introduced, IntroductionRefused } from './introduction.ts';
import type { KeptLink } from './kept-peer.ts';
import { KeptPeers } from './kept-peers.ts';
import type { LinkPoolSetup } from './link-pool-options.ts';
import type { Gatekeeper, Link, LinkCloseReason, LinkEvents, LinkInfo, LinkPurpose, PeerFacts } from './link-ports.ts';
import { linkKey } from './link-set.ts';
import { LiveLinks } from './live-links.ts';
import type { PeerLink } from './peer-link.ts';
import { PoolCounters } from './pool-counters.ts';
import { poolIntroducer } from './pool-introducer.ts';
import { refuseChannel } from './refuse-channel.ts';
import { RelayedLinks } from './relayed-links.ts';
import { WaitingFrames } from './waiting-frames.ts';

/** How often all links look at the time. */
const TICK_MS = 100;
/** These turn nobody away: the peer is there, or it is told as out of reach. */
const NOT_REFUSED: ReadonlySet<LinkCloseReason> = new Set(['duplicate', 'channel_lost']);

/**
 * The links of a node: at most one per peer and purpose, whichever end has opened its channel. Makes them when they are wanted,
 * resumes them over other channels, evicts those that nobody uses, and keeps those that somebody has asked to be kept.
 */
export class LinkPool implements LifecyclePart {
  readonly counters = new PoolCounters();
  readonly #setup: LinkPoolSetup;
  readonly #limitedLog: RateLimitedLog;
  readonly #purposes = new Map<LinkPurpose, { readonly gatekeeper: Gatekeeper; readonly events: LinkEvents }>();
  readonly #links: LiveLinks;
  readonly #waiting: WaitingFrames;
  readonly #contacts: Contacts;
  readonly #inbound: InboundIntroductions;
  readonly #kept: KeptPeers;
  readonly #relayed: RelayedLinks;
  #phase: 'open' | 'draining' | 'stopped' = 'open';
  #ticks: Timer | null = null;
  #stopAccepting: (() => void) | null = null;

  constructor(setup: LinkPoolSetup) {
    const { network, clock, random, turn, options } = setup;
    const { counters } = this;
    this.#setup = setup;
    this.#limitedLog = rateLimited(setup.log, clock);
    this.#waiting = new WaitingFrames(options.maxWaitingBytes);
    this.#links = new LiveLinks({
      clock,
      turn,
      options: options.link,
      maxLinks: options.maxLinks,
      counters,
      events: (purpose) => this.#purposes.get(purpose)!.events,
      down: (key) => this.#kept.linkDown(key),
      redial: (link) => this.#connect(link.purpose, { peerId: link.peer.peerId, addresses: [] }, nobody(), true),
    });
    const introducer = poolIntroducer(setup, {
      gatekeeper: (purpose) => this.#purposes.get(purpose as LinkPurpose)?.gatekeeper ?? null,
      known: (purpose, peerId, incarnation) => {
        const link = this.#links.find(linkKey(purpose, peerId));
        return link?.peer.incarnation === incarnation ? link : null;
      },
    });
    const common = {
      introducer,
      clock,
      welcomes: (purpose: LinkPurpose, facts: PeerFacts) => this.#links.welcomes(purpose, facts),
    };
    this.#contacts = new Contacts({
      ...common,
      network,
      random,
      counters,
      dialTimeoutMs: options.dialTimeoutMs,
      maxDials: options.maxDials,
      alive: (key) => this.#links.alive(key),
      introduced: (introduced) => this.#introduced(introduced),
      refused: (purpose, result) => this.#refused(purpose, result),
    });
    this.#inbound = new InboundIntroductions(
      {
        ...common,
        commit: (purpose, peerId, attempt) => this.#contacts.commit(purpose, peerId, attempt),
        introduced: (introduced, attempt) => {
          const { purpose, peer } = introduced;
          if (!this.#introduced(introduced)) this.#contacts.inboundFailed(purpose, peer.peerId, attempt);
        },
        failed: (purpose, result, attempt) => {
          this.#refused(purpose, result);
          if (purpose !== null && attempt !== null) this.#contacts.inboundFailed(purpose, result.peerId, attempt);
        },
      },
      options,
    );
    const renew = ({ purpose, peer }: PeerLink, addresses: readonly string[] | null): void =>
      this.#contacts.renew(purpose, peer.peerId, addresses, nobody());
    this.#relayed = new RelayedLinks({ clock, random, renew }, options.relayed);
    this.#kept = new KeptPeers({
      clock,
      random,
      connect: (purpose, target, waiter) => this.#connect(purpose, target, waiter, false),
      isUp: (key) => this.#links.alive(key) !== null,
      pin: (key) => this.#links.pin(key),
      unpin: (key) => this.#links.unpin(key),
      unreachable: (purpose, target, code) => this.#purposes.get(purpose)?.events.onUnreachable(target, code),
    });
  }

  /** How many links there are, those that are lost included. */
  get size(): number {
    return this.#links.size;
  }

  /** Links on their way: dials, and introductions on the channels they have opened. */
  get dialling(): number {
    return this.#contacts.size;
  }

  /** Introductions on channels that peers have opened. */
  get introducing(): number {
    return this.#inbound.size;
  }

  /** Bytes of control frames that wait for links. */
  get waitingBytes(): number {
    return this.#waiting.bytes;
  }

  /** Opens the pool to links of one purpose, inbound too. */
  open(purpose: LinkPurpose, gatekeeper: Gatekeeper, events: LinkEvents): void {
    this.#purposes.set(purpose, { gatekeeper, events });
  }

  start(): void {
    this.#stopAccepting = this.#setup.network.accept(LINK_PROTOCOL, (channel) => {
      if (this.#phase === 'open') this.#inbound.take(channel);
      else refuseChannel(channel, 'leaving');
    });
    this.#ticks = this.#setup.clock.setInterval(() => {
      this.#links.tick();
      if (this.#phase === 'open') this.#relayed.tick(this.#links.all());
    }, TICK_MS);
  }

  /** Makes no more links, and ends those that are there when what was sent on them is answered. */
  async drain(deadline: AbortSignal): Promise<void> {
    if (this.#phase !== 'open') return;
    this.#phase = 'draining';
    const drained = this.#links.drain(deadline);
    this.#giveUp();
    await drained;
  }

  stop(): void {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    this.#stopAccepting?.();
    this.#links.stop();
    this.#giveUp();
    this.#ticks?.cancel();
    this.#limitedLog.stop();
  }

  /**
   * The link with a peer; dialled if there is none, once however many wait for it.
   * @param target its addresses, if any, win over those that are remembered
   * @throws {PlexusError} `peer_refused`, `peer_unreachable` (also if either end turns the other away: `reason`), `peer_identity`,
   * `peer_unsupported`, `quota_exceeded`, `shutting_down`; or the reason of `signal`
   */
  getOrCreate(purpose: LinkPurpose, target: PeerTarget, signal?: AbortSignal): Promise<Link> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = (): void => {
        waiter.at?.remove(waiter);
        reject(signal!.reason);
      };
      const waiter: Waiter = {
        at: null,
        done: (outcome) => {
          signal?.removeEventListener('abort', onAbort);
          if ('link' in outcome) resolve(outcome.link);
          else reject(contactError(outcome.failure, target));
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#connect(purpose, target, waiter, true);
    });
  }

  /**
   * Sends a control frame, now or when there is a link: it is dialled if there is none.
   * @returns false: too much waits for links already; it was dropped and counted
   */
  send(purpose: LinkPurpose, target: PeerTarget, type: number, body: Uint8Array): boolean {
    const { peerId, addresses } = target;
    const key = peerId === null ? addressKey(purpose, addresses) : linkKey(purpose, peerId);
    const isFirst = !this.#waiting.has(key);
    const link = peerId === null ? null : this.#links.alive(key);
    if (link !== null && isFirst) {
      link.control(type, body);
      return true;
    }
    if (this.#phase !== 'open' || !this.#waiting.add(key, type, body)) {
      this.counters.droppedFrames++;
      return false;
    }
    if (isFirst) this.#connect(purpose, target, this.#sender(key), true);
    return true;
  }

  /**
   * Keeps a link with a peer until it is stopped, pinned: neither counted nor evicted. Dials at once, at once after each loss, and
   * then with growing delay; `LinkEvents.onUnreachable` hears of each try that fails. A target without a peer id is whoever answers there.
   */
  keep(purpose: LinkPurpose, target: PeerTarget): KeptLink {
    const kept = this.#kept.keep(purpose, target);
    if (this.#phase !== 'open') kept.stop();
    return kept;
  }

  /** Up or lost; null: none. */
  find(purpose: LinkPurpose, peerId: string): Link | null {
    return this.#links.find(linkKey(purpose, peerId));
  }

  /** Links with whoever is, or says it listens, at an address: a multiaddr, or `ip:port`. */
  findByEndpoint(address: string): LinkInfo[] {
    const endpoint = endpointOf(address);
    const found: LinkInfo[] = [];
    for (const link of this.#links.all()) {
      const info = link.info();
      if ([info.address, ...link.peer.addresses].some((each) => endpointOf(each) === endpoint)) found.push(info);
    }
    return found;
  }

  /** Closes the link with a peer for good; one that is kept is dialled again. @returns whether there was one */
  remove(purpose: LinkPurpose, peerId: string, reason: LinkCloseReason = 'removed'): boolean {
    const link = this.find(purpose, peerId);
    link?.close(reason);
    return link !== null;
  }

  info(purpose: LinkPurpose, peerId: string): LinkInfo | null {
    return this.find(purpose, peerId)?.info() ?? null;
  }

  list(): LinkInfo[] {
    return Array.from(this.#links.all(), (link) => link.info());
  }

  #connect(purpose: LinkPurpose, target: PeerTarget, waiter: Waiter, bounded: boolean): void {
    if (!this.#purposes.has(purpose)) throw new Error(`the pool is not open to ${purpose} links`);
    if (this.#phase === 'open') this.#contacts.connect(purpose, target, waiter, bounded);
    else waiter.done({ failure: { code: 'shutting_down', reason: null } });
  }

  #introduced(introduced: Introduced): boolean {
    const link = this.#links.introduced(introduced);
    if (link === null) return false;
    this.#kept.linkUp(linkKey(link.purpose, link.peer.peerId));
    this.#contacts.succeed(link, introduced);
    return true;
  }

  #refused(purpose: LinkPurpose | null, { peerId, refused, byPeer, detail }: IntroductionRefused): void {
    // Whoever stops gives up what it has begun: that is no refusal either.
    if (NOT_REFUSED.has(refused) || this.#phase !== 'open') return;
    this.counters.refused(refused);
    if (purpose !== null) this.#purposes.get(purpose)?.events.onRefused(peerId, refused, detail);
    else this.#limitedLog.warn(`peer_${refused}`, { peerId, byPeer, detail }, 'a peer was turned away');
  }

  /** Sends what waits for a link, in order, when there is one. */
  #sender(key: string): Waiter {
    return {
      at: null,
      done: (outcome) => {
        const frames = this.#waiting.take(key);
        if ('link' in outcome) for (const { type, body } of frames) outcome.link.control(type, body);
        else this.counters.droppedFrames += frames.length;
      },
    };
  }

  #giveUp(): void {
    this.#kept.stop();
    this.#contacts.stop('leaving', { code: 'shutting_down', reason: null });
    this.#inbound.abort('leaving');
  }
}

/** Nobody waits for the link, but it is to be there. */
function nobody(): Waiter {
  return { at: null, done() {} };
}
