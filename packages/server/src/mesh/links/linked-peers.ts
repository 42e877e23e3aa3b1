import { Reason } from '@plexus/protocol';
import type { FederatedRealms } from '../../auth/federation/federated-realm.ts';
import type { Clock } from '../../lib/clock.ts';
import { type Logger, type RateLimitedLog, rateLimited } from '../../lib/log.ts';
import type { Turn, TurnTask } from '../../lib/turn.ts';
import type { PeerTarget } from '../../peer/channel.ts';
import { FrameType } from '../../peer/frame-types.ts';
import type { HeldFrame, Link, LinkCloseReason, LinkEvents } from '../../peer/link-ports.ts';
import { WireError, WireReader } from '../../peer/wire-bytes.ts';
import type { MeshFrames, MeshLinks, MeshPeerListing } from '../link-ports.ts';
import type { KeyPath, Wants } from '../ports.ts';
import { Alarm } from './alarm.ts';
import { Asks } from './asks.ts';
import type { MeshPool } from './dials.ts';
import { MeshGatekeeper } from './gatekeeper.ts';
import { HeardFilters } from './heard-filters.ts';
import { KnownPeers } from './known-peers.ts';
import { decodeAsk, decodeFilters, decodeSigned, MAX_FILTER_BYTES } from './link-frames.ts';
import { MESH_LINK_DEFAULTS, type MeshLinkOptions } from './link-options.ts';
import type { MeshPeer, PeerRealm } from './link-peer.ts';
import { OwnFilters } from './own-filters.ts';
import { Refusals } from './refusals.ts';
import { FilterTable } from './remote-filters.ts';
import { TokenExchange } from './token-exchange.ts';

export type { MeshPool } from './dials.ts';

export interface LinkedPeersSetup {
  readonly nodeId: string;
  readonly pool: MeshPool;
  readonly realms: FederatedRealms;
  readonly wants: Pick<Wants, 'filters'>;
  /** Where messages go; looked at for each. */
  readonly frames: { readonly to: MeshFrames };
  readonly clock: Clock;
  readonly turn: Turn;
  /** In [0, 1): for delays. */
  readonly random: () => number;
  readonly log: Logger;
  readonly options?: Partial<MeshLinkOptions>;
}

/**
 * The peers of the mesh with which there are links, or were lately, and what both ends say to each other over them (docs/wire.md §15):
 * `TokenExchange` first; then `OwnFilters` says ours, and `Asks` and `HeardFilters` learn theirs.
 */
export class LinkedPeers implements MeshLinks, LinkEvents, TurnTask {
  onAnswered: ((realm: string, path: KeyPath, peerId: string, ok: boolean) => void) | null = null;
  onHere: ((peerId: string) => void) | null = null;
  onRemote: ((realm: string) => void) | null = null;
  readonly remote = new FilterTable();
  readonly gatekeeper: MeshGatekeeper;
  readonly #setup: LinkedPeersSetup;
  readonly #log: RateLimitedLog;
  readonly #refusals: Refusals;
  readonly #alarm: Alarm;
  readonly #peers = new Map<string, MeshPeer>();
  readonly #tokens: TokenExchange;
  readonly #own: OwnFilters;
  readonly #heard: HeardFilters;
  readonly #asks: Asks;
  readonly #known: KnownPeers;
  /** Everything is to be said to them, once however often they have shown their tokens in this turn. */
  #toSayAll = new Set<PeerRealm>();
  #scheduled = false;
  #outcomes: { realm: string; path: KeyPath; peerId: string; ok: boolean }[] = [];
  #remoteChanges = new Set<string>();

  constructor(setup: LinkedPeersSetup) {
    const { clock, realms, wants, log, nodeId } = setup;
    this.#setup = setup;
    const options = { ...MESH_LINK_DEFAULTS, ...setup.options };
    this.gatekeeper = new MeshGatekeeper(nodeId, realms);
    this.#log = rateLimited(log, clock);
    this.#refusals = new Refusals(this.#log);
    const refusals = this.#refusals;
    this.#alarm = new Alarm(clock, () => {
      this.#tokens.sweep();
      this.#known.sweep();
    });
    const alarm = this.#alarm;
    const schedule = (): void => this.#schedule();
    const tokens = new TokenExchange({
      realms,
      clock,
      alarm,
      refusals,
      peers: this.#peers,
      listener: { onRights: (realm) => this.#onRights(realm), onNoRights: (realm) => this.#onNoRights(realm) },
    });
    this.#tokens = tokens;
    this.#own = new OwnFilters({ wants, tokens, refusals, options, schedule });
    const heard = new HeardFilters({
      table: this.remote,
      refusals,
      options,
      answered: (from, path) => this.#asks.answered(from, path),
      remoteChanged: (realm) => this.#remoteChanged(realm),
    });
    this.#heard = heard;
    this.#asks = new Asks({
      clock,
      alarm,
      refusals,
      options,
      heard,
      schedule,
      outcome: (realm, path, peerId, ok) => this.#outcome(realm, path, peerId, ok),
      maybeReady: (peer) => this.#known.maybeReady(peer),
    });
    this.#known = new KnownPeers({
      peers: this.#peers,
      pool: setup.pool,
      clock,
      random: setup.random,
      alarm,
      options,
      refusals,
      own: this.#own,
      heard,
      asks: this.#asks,
      schedule,
      remoteChanged: (realm) => this.#remoteChanged(realm),
    });
  }

  start(): void {
    this.#setup.pool.open('mesh', this.gatekeeper, this);
    this.#tokens.start();
    this.#tokens.sweep();
  }

  stop(): void {
    this.#tokens.stop();
    this.#known.stop();
    this.#alarm.stop();
    this.#log.stop();
  }

  ask(realm: string, path: KeyPath, target: PeerTarget): void {
    const of = this.#realmOf(realm, target);
    if (of === null) this.#outcome(realm, path, target.peerId ?? '', false);
    else if (this.#asks.ask(of, path)) this.#known.want(of.peer);
  }

  unask(realm: string, path: KeyPath): void {
    for (const peer of this.#peers.values()) {
      const of = peer.realms.get(realm);
      if (of !== undefined) this.#asks.unask(of, path);
    }
  }

  tell(realm: string, path: KeyPath, target: PeerTarget): void {
    const to = this.#realmOf(realm, target);
    if (to !== null && this.#own.tell(to, path) && !to.peer.isUp) this.#known.wantToTell(to.peer);
  }

  changed(realm: string, path: KeyPath): void {
    this.#own.changed(realm, path);
  }

  isAnswered(realm: string, path: KeyPath, peerId: string): boolean {
    const state = this.#peers.get(peerId)?.realms.get(realm)?.asks.get(path);
    return state === 'answered' || state === 'failed';
  }

  hasAnswered(realm: string, path: KeyPath, peerId: string): boolean {
    return this.#peers.get(peerId)?.realms.get(realm)?.asks.get(path) === 'answered';
  }

  clusterOf(realm: string, peerId: string): string {
    return this.#peers.get(peerId)?.realms.get(realm)?.token?.cluster ?? peerId;
  }

  maySend(realm: string, peerId: string): boolean {
    const known = this.#peers.get(peerId)?.realms.get(realm);
    if (known === undefined || known.token === null || this.#tokens.own(realm) === null) return false;
    // While a new link has shown no token of any realm yet, the last ones count: `connect` waits for them.
    return known.hasRights || !known.peer.hasRights;
  }

  link(peerId: string): Link | null {
    const peer = this.#peers.get(peerId);
    if (peer === undefined || peer.link === null || !peer.hasRights) return null;
    // One that is evicted goes on for a moment, but takes nothing new.
    if (this.#setup.pool.find('mesh', peerId) !== peer.link) return null;
    if (!peer.isUp) this.#known.want(peer);
    return peer.link;
  }

  connect(peerId: string, done: (link: Link | null) => void): void {
    this.#known.connect(peerId, done);
  }

  retry(): void {
    this.#known.retry();
  }

  accepts(link: Link, realm: string, topic: string): boolean {
    const peer = this.#peers.get(link.peer.peerId);
    if (peer?.link !== link) {
      this.#refusals.count('no_rights', link.peer.peerId, realm);
      return false;
    }
    if (peer.acceptedTopic !== topic || peer.acceptedRealm !== realm) {
      const known = peer.realms.get(realm);
      peer.acceptedTopic = topic;
      peer.acceptedRealm = realm;
      peer.accepted = known?.hasRights === true && known.token!.mayPublish(topic);
    }
    if (!peer.accepted) this.#refusals.count('beyond_publish', peer.peerId, realm);
    return peer.accepted;
  }

  peers(): readonly MeshPeerListing[] {
    return Array.from(this.#peers.values(), (peer) => {
      const realms = [...peer.realms.values()];
      return {
        peerId: peer.peerId,
        realms: realms.filter(({ hasRights }) => hasRights).map(({ realm }) => realm),
        cluster: realms.find(({ token }) => token?.cluster != null)?.token?.cluster ?? null,
        filters: peer.filters,
        link: peer.link === null ? ('none' as const) : peer.isUp ? ('up' as const) : ('lost' as const),
      };
    });
  }

  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals.counts;
  }

  // ---- what links tell

  onUp(link: Link): void {
    const peer = this.#known.came(link);
    this.#setup.frames.to.onUp(link);
    this.#begin(peer, true);
  }

  onControl(link: Link, type: number, buffer: Uint8Array, start: number, end: number): void {
    const peer = this.#peers.get(link.peer.peerId);
    if (peer?.link !== link) return;
    try {
      this.#onFrame(peer, type, new WireReader(buffer, start, end));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      link.close('bad_frame', error.message);
    }
  }

  onData(
    link: Link,
    number: number,
    held: boolean,
    type: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const peer = this.#peers.get(link.peer.peerId);
    if (peer?.link === link && peer.hasRights) {
      return this.#setup.frames.to.onData(link, number, held, type, buffer, start, end);
    }
    this.#refusals.count('no_rights', link.peer.peerId, '');
    link.done(number, Reason.NotAuthorized);
    return true;
  }

  onLost(link: Link, reason: LinkCloseReason): void {
    this.#setup.frames.to.onLost(link, reason);
  }

  onResumed(link: Link): void {
    const peer = this.#peers.get(link.peer.peerId);
    this.#setup.frames.to.onResumed(link);
    if (peer?.link === link) this.#begin(peer, false);
  }

  onClosed(link: Link, reason: LinkCloseReason, unanswered: readonly HeldFrame[]): void {
    const peer = this.#peers.get(link.peer.peerId);
    if (peer?.link === link) {
      const { hasRights } = peer;
      this.#tokens.end(peer);
      this.#known.ended(peer, reason, hasRights);
    }
    this.#setup.frames.to.onClosed(link, reason, unanswered);
  }

  onUnreachable(): void {}

  onRefused(): void {}

  endOfTurn(): void {
    this.#scheduled = false;
    this.#sayAll();
    this.#own.endOfTurn();
    this.#asks.endOfTurn();
    this.#known.dial();
    const [outcomes, remoteChanges] = [this.#outcomes, this.#remoteChanges];
    this.#outcomes = [];
    this.#remoteChanges = new Set();
    for (const { realm, path, peerId, ok } of outcomes) this.onAnswered?.(realm, path, peerId, ok);
    for (const realm of remoteChanges) this.onRemote?.(realm);
    this.#known.answer();
  }

  // ---- what is said

  /** There is a channel. */
  #begin(peer: MeshPeer, isNew: boolean): void {
    for (const realm of peer.realms.values()) {
      realm.generation++;
      realm.isAllSaid = false;
      realm.gathering = null;
    }
    this.#tokens.begin(peer, this.gatekeeper.provenRealms(peer.peerId), isNew);
    this.#known.began(peer);
  }

  /** null: there is no room for the peer, or the realm is none of ours */
  #realmOf(realm: string, { peerId, addresses }: PeerTarget): PeerRealm | null {
    if (peerId === null || peerId === this.#setup.nodeId || this.#tokens.own(realm) === null) return null;
    return this.#known.find({ peerId, addresses }, realm)?.realm(realm) ?? null;
  }

  #onFrame(peer: MeshPeer, type: number, reader: WireReader): void {
    if (type === FrameType.MeshToken) this.#tokens.onToken(peer, decodeSigned(reader));
    else if (type === FrameType.MeshRevocations) this.#tokens.onRevocations(peer, decodeSigned(reader));
    else if (type === FrameType.MeshAsk) this.#onAsk(peer, reader);
    else if (type === FrameType.MeshFilters) {
      const frame = decodeFilters(reader);
      const from = this.#withRights(peer, frame.realm);
      if (from !== null && frame.path.length <= MAX_FILTER_BYTES) this.#heard.onFilters(from, frame);
    }
  }

  #onAsk(peer: MeshPeer, reader: WireReader): void {
    const frame = decodeAsk(reader);
    const by = this.#withRights(peer, frame.realm);
    if (by === null) return;
    const paths = frame.paths.filter((path) => path.length <= MAX_FILTER_BYTES);
    if (!frame.isOn) this.#own.onUnasked(by, paths);
    else this.#own.onAsked(by, paths, frame.isAnew);
    if (!frame.isAnew) return;
    this.#heard.onAllSaid(by);
    this.#known.maybeReady(peer);
  }

  #withRights(peer: MeshPeer, realm: string): PeerRealm | null {
    const known = peer.realms.get(realm);
    if (known?.hasRights === true) return known;
    this.#refusals.count('no_rights', peer.peerId, known === undefined ? '' : realm);
    return null;
  }

  #onRights(realm: PeerRealm): void {
    this.#heard.recheck(realm);
    this.#toSayAll.add(realm);
    this.#remoteChanged(realm.realm);
    this.onHere?.(realm.peer.peerId);
    this.#known.gotRights(realm.peer);
  }

  #sayAll(): void {
    for (const realm of this.#toSayAll) {
      if (!realm.hasRights || !realm.peer.isUp) continue;
      this.#own.sayAll(realm);
      this.#asks.sayAll(realm);
    }
    this.#toSayAll.clear();
  }

  #onNoRights(realm: PeerRealm): void {
    this.#heard.dropAll(realm);
    this.#own.dropWanted(realm);
    // What was heard is gone: whoever publishes has to ask again.
    this.#asks.reopen(realm);
    this.#asks.failAll(realm);
    this.#remoteChanged(realm.realm);
    this.#known.lostRights(realm.peer);
  }

  #outcome(realm: string, path: KeyPath, peerId: string, ok: boolean): void {
    this.#outcomes.push({ realm, path, peerId, ok });
    this.#schedule();
  }

  #remoteChanged(realm: string): void {
    this.#remoteChanges.add(realm);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#setup.turn.atEnd(this);
  }
}
