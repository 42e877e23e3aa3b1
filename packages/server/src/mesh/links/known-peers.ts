import type { Clock } from '../../lib/clock.ts';
import type { PeerTarget } from '../../peer/channel.ts';
import type { Link, LinkCloseReason } from '../../peer/link-ports.ts';
import type { Alarm } from './alarm.ts';
import type { Asks } from './asks.ts';
import { Dials, type MeshPool } from './dials.ts';
import type { HeardFilters } from './heard-filters.ts';
import type { MeshLinkOptions } from './link-options.ts';
import { MeshPeer, type PeerRealm } from './link-peer.ts';
import type { OwnFilters } from './own-filters.ts';
import type { Refusals } from './refusals.ts';

/** After these the peer is there, or may be, and is dialled once more for what it has not answered. */
const REDIALLED: ReadonlySet<LinkCloseReason> = new Set([
  'silent',
  'channel_lost',
  'restarted',
  'forgotten',
  'evicted',
  'duplicate',
  'sequence_gap',
]);
/** Dials in a row that come to nothing, after which a peer is forgotten. */
const MAX_FAILURES = 2;
/** What another node of its cluster gets to notice that one has died, and to say in its place what the cluster wants. */
const TAKE_OVER_MS = 5000;
/** After these the peer may have forgotten what it was told. */
const MAY_FORGET: ReadonlySet<LinkCloseReason> = new Set([
  'silent',
  'channel_lost',
  'restarted',
  'forgotten',
  'duplicate',
  'sequence_gap',
]);
/** A peer that cannot be reached is dialled again after so long, as long as there is something that it has not been told. */
const TELL_AGAIN_MS = 60_000;
/** Who may wait for one link; beyond it: as if it could not be reached. */
const MAX_CONNECTS = 1000;
const NEVER = Number.POSITIVE_INFINITY;

export interface KnownPeersSetup {
  readonly peers: Map<string, MeshPeer>;
  readonly pool: MeshPool;
  readonly clock: Clock;
  readonly random: () => number;
  readonly alarm: Alarm;
  readonly options: MeshLinkOptions;
  readonly refusals: Refusals;
  readonly own: Pick<OwnFilters, 'dropWanted' | 'dropTold'>;
  readonly heard: Pick<HeardFilters, 'dropAll'>;
  readonly asks: Pick<Asks, 'failAll' | 'isOpen' | 'reopen' | 'sweep' | 'awaitRights'>;
  schedule(): void;
  remoteChanged(realm: string): void;
}

/** The peers with which there are links, or were lately: dials them, waits for what they have to say, and forgets them. */
export class KnownPeers {
  readonly #setup: KnownPeersSetup;
  readonly #peers: Map<string, MeshPeer>;
  readonly #dials: Dials;
  /** Those that may be ready for who waits for their links. */
  #toCheck = new Set<MeshPeer>();
  /** Who waits for a link that will not come. */
  readonly #refused: ((link: Link | null) => void)[] = [];

  constructor(setup: KnownPeersSetup) {
    const { pool, clock, random, schedule } = setup;
    this.#setup = setup;
    this.#peers = setup.peers;
    this.#dials = new Dials({
      pool,
      clock,
      random,
      schedule,
      failed: (peer) => this.#dialFailed(peer),
    });
  }

  stop(): void {
    this.#dials.stop();
  }

  want(peer: MeshPeer): void {
    this.#dials.want(peer);
  }

  /** As `want`, but one that could not be reached lately is dialled later. */
  wantToTell(peer: MeshPeer): void {
    if (peer.tellAtMs === NEVER) this.#dials.want(peer);
  }

  /** The peer, whether it was known or not. null: there is no room for it */
  find({ peerId, addresses }: PeerTarget & { readonly peerId: string }, realm: string): MeshPeer | null {
    let peer = this.#peers.get(peerId);
    if (peer === undefined) {
      if (this.#peers.size >= this.#setup.options.maxPeers) {
        this.#setup.refusals.count('too_many_peers', peerId, realm);
        return null;
      }
      peer = this.#add(peerId);
      this.#forgetLater(peer);
    }
    if (!peer.isUp && addresses.length > 0) peer.addresses = addresses;
    return peer;
  }

  /** There is a new link. */
  came(link: Link): MeshPeer {
    const { peerId, incarnation } = link.peer;
    const peer = this.#peers.get(peerId) ?? this.#add(peerId);
    if (peer.incarnation !== incarnation) {
      for (const realm of peer.realms.values()) {
        // What its cluster wants does not end with it: that holds until it has said everything again.
        if (realm.token?.cluster == null) this.#setup.heard.dropAll(realm);
        this.#setup.asks.reopen(realm);
      }
    }
    peer.incarnation = incarnation;
    peer.link = link;
    // The pool knows where it was reached.
    peer.addresses = [];
    return peer;
  }

  /** There is a new channel, and our tokens were shown over it. */
  began(peer: MeshPeer): void {
    const { clock, options, asks, alarm } = this.#setup;
    const dueMs = clock.now() + options.answerMs;
    peer.forgetAtMs = NEVER;
    peer.retryAtMs = NEVER;
    peer.tellAtMs = NEVER;
    peer.readyByMs = dueMs;
    peer.admitByMs = peer.hasRights ? NEVER : dueMs;
    for (const realm of peer.realms.values()) if (!realm.hasRights) asks.awaitRights(realm);
    alarm.by(dueMs);
  }

  ended(peer: MeshPeer, reason: LinkCloseReason, hadRights: boolean): void {
    const { own, asks, remoteChanged } = this.#setup;
    if (!hadRights) this.#dials.pause(peer);
    peer.link = null;
    peer.admitByMs = NEVER;
    peer.readyByMs = NEVER;
    let isWanted = peer.connects.length > 0;
    for (const realm of peer.realms.values()) {
      own.dropWanted(realm);
      if (MAY_FORGET.has(reason)) for (const path of realm.told) realm.missed.add(path);
      realm.gathering = null;
      realm.waiting.clear();
      remoteChanged(realm.realm);
      if (asks.isOpen(realm)) isWanted = true;
    }
    const isGivenUp = this.#isGivenUp(peer);
    if (isWanted && REDIALLED.has(reason) && !isGivenUp) {
      // It had a link until now: that is no reason to wait.
      peer.notBeforeMs = 0;
      this.#dials.want(peer);
    } else this.#giveUp(peer);
    if (isGivenUp) this.#forgetHeard(peer);
    this.#tellLater(peer);
    this.#forgetLater(peer);
  }

  gotRights(peer: MeshPeer): void {
    peer.failures = 0;
    peer.notBeforeMs = 0;
    peer.admitByMs = NEVER;
    this.maybeReady(peer);
  }

  lostRights(peer: MeshPeer): void {
    if (peer.link === null || peer.hasRights || peer.admitByMs !== NEVER) return;
    // What waits to be sent over it is not for somebody whose rights have ended for good.
    const isOver = [...peer.realms.values()].every((realm) => realm.isOver || !realm.isProven);
    peer.admitByMs = this.#setup.clock.now() + (isOver ? 0 : this.#setup.options.answerMs);
    this.#setup.alarm.by(peer.admitByMs);
  }

  connect(peerId: string, done: (link: Link | null) => void): void {
    const peer = this.#peers.get(peerId);
    if (peer === undefined || peer.connects.length >= MAX_CONNECTS) {
      this.#refused.push(done);
      this.#setup.schedule();
      return;
    }
    peer.connects.push(done);
    const isThere = peer.isUp && this.#setup.pool.find('mesh', peerId) === peer.link;
    if (isThere) {
      this.maybeReady(peer);
      this.#awaitReady(peer);
    } else if (peer.retryAtMs === NEVER) this.#dials.want(peer);
  }

  retry(): void {
    for (const peer of this.#peers.values()) {
      if (peer.isUp || (peer.connects.length === 0 && !isOwed(peer))) continue;
      peer.failures = 0;
      peer.notBeforeMs = 0;
      peer.retryAtMs = NEVER;
      peer.tellAtMs = NEVER;
      this.#dials.want(peer);
    }
  }

  /** It may have said all that those who wait for its link have to know. */
  maybeReady(peer: MeshPeer): void {
    if (peer.connects.length === 0) return;
    this.#toCheck.add(peer);
    this.#setup.schedule();
  }

  dial(): void {
    this.#dials.endOfTurn();
  }

  answer(): void {
    const toCheck = this.#toCheck;
    this.#toCheck = new Set();
    for (const peer of toCheck) if (isReady(peer)) this.#answerConnects(peer, peer.link);
    for (const done of this.#refused.splice(0)) done(null);
  }

  sweep(): void {
    const nowMs = this.#setup.clock.now();
    for (const peer of [...this.#peers.values()]) this.#sweepPeer(peer, nowMs);
  }

  /** It may be saying everything anew: that has an end too. */
  #awaitReady(peer: MeshPeer): void {
    if (peer.readyByMs !== NEVER) return;
    const { clock, options, alarm } = this.#setup;
    peer.readyByMs = clock.now() + options.answerMs;
    alarm.by(peer.readyByMs);
  }

  #add(peerId: string): MeshPeer {
    const peer = new MeshPeer(peerId);
    this.#peers.set(peerId, peer);
    if (this.#peers.size > this.#setup.options.maxPeers) {
      // Links are bounded by the pool: somebody without one is here, and makes room.
      for (const other of this.#peers.values()) {
        if (other === peer || other.link !== null || this.#dials.isUnderWay(other)) continue;
        this.#forget(other);
        break;
      }
    }
    return peer;
  }

  #dialFailed(peer: MeshPeer): void {
    for (const realm of peer.realms.values()) this.#setup.asks.failAll(realm);
    const isGivenUp = this.#isGivenUp(peer);
    if (isGivenUp) this.#forgetHeard(peer);
    this.#tellLater(peer);
    if (peer.connects.length > 0 && !isGivenUp) {
      peer.retryAtMs = peer.notBeforeMs;
      this.#setup.alarm.by(peer.retryAtMs);
    } else this.#answerConnects(peer, null);
    if (peer.link === null) this.#forgetLater(peer);
  }

  /** Not before another node speaks for its cluster, or has had the time to: until then messages for the cluster wait for this one. */
  #isGivenUp(peer: MeshPeer): boolean {
    if (peer.failures < MAX_FAILURES) return false;
    if (this.#setup.clock.now() - peer.failingSinceMs >= TAKE_OVER_MS) return true;
    for (const of of peer.realms.values()) if (of.heard.size > 0 && this.#speaksAlone(of)) return false;
    return true;
  }

  #speaksAlone({ peer, realm, token }: PeerRealm): boolean {
    if (token?.cluster == null) return false;
    for (const other of this.#peers.values()) {
      const of = other === peer ? undefined : other.realms.get(realm);
      if (of?.hasRights === true && of.heard.size > 0 && of.token?.cluster === token.cluster) return false;
    }
    return true;
  }

  #giveUp(peer: MeshPeer): void {
    for (const realm of peer.realms.values()) this.#setup.asks.failAll(realm);
    this.#answerConnects(peer, null);
  }

  #forgetLater(peer: MeshPeer): void {
    if (peer.forgetAtMs !== NEVER) return;
    peer.forgetAtMs = this.#setup.clock.now() + this.#setup.options.staleMs;
    this.#setup.alarm.by(peer.forgetAtMs);
  }

  #tellLater(peer: MeshPeer): void {
    if (peer.tellAtMs !== NEVER || !isOwed(peer)) return;
    peer.tellAtMs = this.#setup.clock.now() + TELL_AGAIN_MS;
    this.#setup.alarm.by(peer.tellAtMs);
  }

  /** What it has told is worth nothing any more: it has to be asked again. */
  #forgetHeard(peer: MeshPeer): void {
    for (const realm of peer.realms.values()) {
      this.#setup.heard.dropAll(realm);
      this.#setup.asks.reopen(realm);
      this.#setup.asks.failAll(realm);
    }
  }

  #forget(peer: MeshPeer): void {
    for (const realm of peer.realms.values()) {
      this.#setup.heard.dropAll(realm);
      this.#setup.own.dropTold(realm);
    }
    this.#giveUp(peer);
    this.#peers.delete(peer.peerId);
  }

  #sweepPeer(peer: MeshPeer, nowMs: number): void {
    if (peer.admitByMs <= nowMs) {
      peer.admitByMs = NEVER;
      peer.link?.close('not_admitted', 'no token that holds on both ends');
    }
    if (peer.readyByMs <= nowMs) {
      peer.readyByMs = NEVER;
      for (const realm of peer.realms.values()) if (!realm.hasRights) this.#setup.heard.dropAll(realm);
      this.#answerConnects(peer, peer.isUp && peer.hasRights ? peer.link : null);
    }
    if (peer.retryAtMs <= nowMs) {
      peer.retryAtMs = NEVER;
      if (peer.connects.length > 0) this.#dials.want(peer);
    }
    if (peer.tellAtMs <= nowMs) {
      peer.tellAtMs = NEVER;
      if (isOwed(peer)) this.#dials.want(peer);
    }
    for (const realm of peer.realms.values()) this.#setup.asks.sweep(realm, nowMs);
    if (peer.forgetAtMs <= nowMs && !this.#dials.isUnderWay(peer)) this.#forget(peer);
    else if (peer.forgetAtMs <= nowMs) peer.forgetAtMs = nowMs + this.#setup.options.answerMs;
    const dueMs = Math.min(peer.admitByMs, peer.readyByMs, peer.retryAtMs, peer.tellAtMs, peer.forgetAtMs);
    if (dueMs !== NEVER) this.#setup.alarm.by(dueMs);
  }

  #answerConnects(peer: MeshPeer, link: Link | null): void {
    for (const done of peer.connects.splice(0)) done(link);
  }
}

/** Whether there is something that the peer could not be told. */
function isOwed(peer: MeshPeer): boolean {
  for (const realm of peer.realms.values()) if (realm.missed.size > 0) return true;
  return false;
}

/** Whether the peer has shown its tokens, and said everything again. */
function isReady(peer: MeshPeer): boolean {
  if (!peer.isUp || !peer.hasRights) return false;
  for (const realm of peer.realms.values()) {
    if (!realm.hasRights && realm.isProven && realm.token !== null) return false;
    if (realm.hasRights && (!realm.isAllSaid || realm.waiting.size > 0)) return false;
  }
  return true;
}
