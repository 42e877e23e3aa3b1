import type { LifecyclePart } from '../lib/lifecycle.ts';
import { type RateLimitedLog, rateLimited } from '../lib/log.ts';
import type { PeerTarget } from '../peer/channel.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Gatekeeper, HeldFrame, Link, LinkCloseReason, LinkEvents } from '../peer/link-ports.ts';
import { WireError } from '../peer/wire-bytes.ts';
import { type ClusterFrames, type ClusterSetup, type ClusterStatus, NOBODY } from './cluster-setup.ts';
import { ClusterGatekeeper } from './gatekeeper.ts';
import { LanPeers } from './lan-peers.ts';
import type { MemberChange } from './member.ts';
import { Membership } from './membership.ts';
import type { OwnInterest } from './own-interest.ts';
import type { Groups, MemberListing, RemoteInterest, TableWatcher } from './ports.ts';
import { Replicas } from './replicas.ts';
import { Seeds } from './seeds.ts';
import { isTableFrame } from './tables.ts';

export { CLUSTER_DEFAULTS } from './cluster-setup.ts';

const FLUSH_POLL_MS = 10;
const SETTLE_MS = 3000;
const SETTLE_POLL_MS = 20;

/**
 * This node as a member of its cluster. The order in which others learn of the end of a member is kept here: its link is closed, its
 * tables are purged, whoever uses the link hears of it, then everybody else. So nobody who hears that a member is down still finds
 * anything of it.
 */
export class Cluster implements LifecyclePart {
  readonly #setup: ClusterSetup;
  readonly #log: RateLimitedLog;
  readonly #membership: Membership;
  readonly #gatekeeper: ClusterGatekeeper;
  readonly #replicas: Replicas;
  readonly #seeds: Seeds;
  readonly #lanPeers: LanPeers | null;
  readonly #listeners = new Set<(change: MemberChange) => void>();
  readonly #startedWallMs: number;
  readonly #refused = new Map<LinkCloseReason, number>();
  #frames: ClusterFrames = NOBODY;
  #leaving: Promise<void> | null = null;
  #hasLeft = false;

  constructor(setup: ClusterSetup) {
    const { name, secrets, self, pool, join, resolver, discovery, clock, turn, random, options } = setup;
    this.#setup = setup;
    this.#log = rateLimited(setup.log, clock);
    this.#startedWallMs = clock.wallMs();
    this.#membership = new Membership({ self, pool, clock, random, log: this.#log, options });
    this.#gatekeeper = new ClusterGatekeeper(name, secrets, this.#membership);
    this.#replicas = new Replicas(self.nodeId, turn, clock);
    const keep = (target: PeerTarget) => pool.keep('cluster', target);
    const isKnown = (target: PeerTarget) => this.#isKnown(target);
    const isAlone = () => this.#membership.isAlone;
    this.#seeds = new Seeds({ join, resolver, clock, options, keep, isAlone, isKnown });
    this.#lanPeers = discovery && new LanPeers({ discovery, clock, nodeId: self.nodeId, keep, isKnown });
  }

  /** Whether this node has left, and goes on alone. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Of this node. */
  get nodeId(): string {
    return this.#setup.self.nodeId;
  }

  /** Admits members, and nobody else: for links of other purposes too. */
  get gatekeeper(): Gatekeeper {
    return this.#gatekeeper;
  }

  /** What the other members want. */
  get interest(): RemoteInterest {
    return this.#replicas.interest;
  }

  /** What this node wants, for all others to know. */
  get ownInterest(): OwnInterest {
    return this.#replicas.ownInterest;
  }

  get groups(): Groups {
    return this.#replicas.groups;
  }

  /** Once, before `start`. */
  takeFrames(frames: ClusterFrames): void {
    this.#frames = frames;
  }

  /** @returns how to stop listening */
  onMember(listener: (change: MemberChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  start(): void {
    this.#setup.pool.open('cluster', this.#gatekeeper, this.#events());
    this.#membership.start();
    this.#seeds.start();
    this.#lanPeers?.start();
  }

  drain(deadline: AbortSignal): Promise<void> {
    return this.leave(deadline);
  }

  stop(): void {
    this.#seeds.stop();
    this.#lanPeers?.stop();
    this.#membership.stop();
    this.#replicas.stop();
    this.#log.stop();
  }

  /**
   * Tells all members, waits until they have answered what is on its way, and closes the links. The node goes on alone.
   * @param deadline when it waits no more; default: after `flushMs`
   */
  leave(deadline?: AbortSignal): Promise<void> {
    this.#leaving ??= this.#leave(deadline);
    return this.#leaving;
  }

  /**
   * Resolves when some member is up, if this node was to join any, and all it has heard of are and have said what they want; or after 3 s. Until then
   * this node does not know what the cluster wants, and should not speak for it.
   */
  settled(): Promise<void> {
    const { clock } = this.#setup;
    const untilMs = clock.now() + SETTLE_MS;
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#isSettled() || clock.now() >= untilMs) resolve();
        else clock.setTimeout(look, SETTLE_POLL_MS);
      };
      look();
    });
  }

  #isSettled(): boolean {
    let isAlone = true;
    for (const { nodeId, state } of this.#membership.records()) {
      if (state === 'joining' || (state === 'up' && !this.#replicas.isLevel(nodeId))) return false;
      if (state === 'up') isAlone = false;
    }
    return !isAlone || !this.#seeds.hasAny || this.#leaving !== null;
  }

  /** Hears of the filters of other members, beside `interest`. Once, before `start`. */
  watchInterest(watcher: TableWatcher): void {
    this.#replicas.watchInterest(watcher);
  }

  /** Where a member is; null: it is not up. */
  target(nodeId: string): PeerTarget | null {
    const record = this.#membership.get(nodeId);
    return record?.isLinked === true ? record.target : null;
  }

  /** Of all members that are up. */
  *links(): Iterable<Link> {
    for (const { link } of this.#membership.records()) if (link !== null) yield link;
  }

  /** null: it is not up */
  link(nodeId: string): Link | null {
    return this.#membership.get(nodeId)?.link ?? null;
  }

  /** This node first. */
  members(): MemberListing[] {
    const { self } = this.#setup;
    const counts = (nodeId: string) => this.#replicas.counts(nodeId);
    const own: MemberListing = {
      nodeId: self.nodeId,
      incarnation: self.incarnation,
      state: this.#leaving === null || this.#hasLeft ? 'up' : 'leaving',
      self: true,
      addresses: self.addresses(),
      link: null,
      sinceMs: this.#startedWallMs,
      ...counts(self.nodeId),
    };
    const others = Array.from(this.#membership.records(), (record): MemberListing => {
      const { nodeId, incarnation, state, addresses, sinceMs } = record;
      const link = record.link?.state ?? null;
      return { nodeId, incarnation, state, self: false, addresses, link, sinceMs, ...counts(nodeId) };
    });
    return [own, ...others];
  }

  status(): ClusterStatus {
    return {
      name: this.#setup.name,
      incarnation: this.#setup.self.incarnation,
      sought: this.#seeds.sought,
      refused: Object.fromEntries(this.#refused),
      sameIdentity: this.#membership.sameIdentity,
      resyncs: this.#replicas.resyncs,
    };
  }

  #events(): LinkEvents {
    return {
      onUp: (link) => this.#onUp(link),
      onControl: (link, type, buffer, start, end) => this.#onControl(link, type, buffer, start, end),
      onData: (link, number, held, type, buffer, start, end) =>
        this.#frames.onData(link, number, held, type, buffer, start, end),
      onLost: (link, reason) => {
        this.#membership.onLost(link, reason);
        this.#frames.onLost(link, reason);
      },
      onResumed: (link) => {
        this.#membership.onResumed(link);
        this.#replicas.linkResumed(link);
        this.#frames.onResumed(link);
      },
      onClosed: (link, reason, unanswered) => this.#onClosed(link, reason, unanswered),
      onUnreachable: (target, code) => {
        // Nobody in particular was wanted there, so it can only be the wrong one if it is this one.
        if (target.peerId === null && code === 'peer_identity') this.#seeds.foundSelf(target);
        this.#membership.onUnreachable(target, code === 'peer_refused');
        this.#lanPeers?.onUnreachable(target);
      },
      onRefused: (peerId, reason, detail) => this.#onRefused(peerId, reason, detail),
    };
  }

  #onUp(link: Link): void {
    const older = this.link(link.peer.peerId);
    if (older !== null && older !== link) this.#onClosed(older, 'restarted', []);
    const change = this.#membership.onUp(link);
    this.#replicas.linkUp(link);
    this.#frames.onUp(link);
    this.#tell(change);
    // It was being introduced while this node left. Later: not from within a call of the link.
    if (this.#hasLeft) this.#setup.clock.setTimeout(() => link.close('leaving'), 0);
  }

  #onControl(link: Link, type: number, buffer: Uint8Array, start: number, end: number): void {
    if (type === FrameType.Members) {
      const problem = this.#onMembers(link, buffer, start, end);
      if (problem !== null) link.close('bad_frame', problem);
    } else if (type === FrameType.Leaving) {
      const change = this.#membership.onLeaving(link);
      if (change !== null) this.#tell(change);
    } else if (isTableFrame(type)) {
      const problem = this.#replicas.onFrame(link, type, buffer, start, end);
      if (problem !== null) link.close('bad_frame', problem);
    } else {
      this.#frames.onControl(link, type, buffer, start, end);
    }
  }

  #onMembers(link: Link, buffer: Uint8Array, start: number, end: number): string | null {
    try {
      this.#membership.onMembers(link, buffer, start, end);
      return null;
    } catch (error) {
      if (error instanceof WireError) return error.message;
      throw error;
    }
  }

  #onRefused(peerId: string, reason: LinkCloseReason, detail: string): void {
    // This node, at an address that it was told to join at; or one that is about to stop.
    if (peerId === this.#setup.self.nodeId || reason === 'leaving') return;
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    this.#log.warn(`cluster_${reason}`, { peerId, reason, detail }, 'no link: one of the two turned the other away');
    this.#membership.onRefused(peerId, reason);
    this.#lanPeers?.onRefused(peerId);
  }

  #onClosed(link: Link, reason: LinkCloseReason, unanswered: readonly HeldFrame[]): void {
    const change = this.#membership.onClosed(link, reason);
    if (change !== null) this.#replicas.linkGone(link.peer.peerId);
    this.#frames.onClosed(link, reason, unanswered);
    if (change !== null) this.#tell(change);
  }

  #tell(change: MemberChange): void {
    const { nodeId, incarnation } = change.member;
    this.#setup.log.info({ event: `member_${change.kind}`, peerId: nodeId, incarnation }, `a member: ${change.kind}`);
    for (const listener of [...this.#listeners]) listener(change);
    if (this.#leaving !== null) return;
    this.#seeds.refresh();
    this.#lanPeers?.refresh();
  }

  #isKnown({ peerId, addresses }: PeerTarget): boolean {
    const { self } = this.#setup;
    if (peerId !== null) return peerId === self.nodeId || this.link(peerId) !== null;
    const isAmong = (known: readonly string[]) => addresses.some((address) => known.some((one) => isAt(one, address)));
    if (isAmong(self.addresses())) return true;
    for (const { link, addresses: own } of this.#membership.records()) {
      if (link !== null && (isAmong(own) || isAmong([link.info().address]))) return true;
    }
    return false;
  }

  async #leave(deadline: AbortSignal | undefined): Promise<void> {
    this.#seeds.stop();
    this.#lanPeers?.stop();
    this.#membership.leave();
    await this.#flushed(deadline);
    this.#hasLeft = true;
    for (const { nodeId, link } of [...this.#membership.records()]) {
      if (link !== null) this.#setup.pool.remove('cluster', nodeId, 'leaving');
    }
  }

  /** Until nothing waits for an answer any more; a link that is lost is not waited for. */
  #flushed(deadline: AbortSignal | undefined): Promise<void> {
    const { clock, options } = this.#setup;
    const untilMs = clock.now() + options.flushMs;
    const isBusy = () =>
      Array.from(this.#membership.records()).some(
        ({ link }) => link?.state === 'up' && link.queuedBytes + link.heldBytes > 0,
      );
    return new Promise((resolve) => {
      const look = (): void => {
        if (deadline?.aborted || clock.now() >= untilMs || !isBusy()) resolve();
        else clock.setTimeout(look, FLUSH_POLL_MS);
      };
      // What was said last leaves at the end of the turn.
      clock.setTimeout(look, FLUSH_POLL_MS);
    });
  }
}

/** Whether a multiaddr is of an address, perhaps with a peer id behind it. */
function isAt(multiaddr: string, address: string): boolean {
  return multiaddr.startsWith(address) && (multiaddr.length === address.length || multiaddr[address.length] === '/');
}
