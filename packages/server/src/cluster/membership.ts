import type { Timer } from '../lib/clock.ts';
import type { PeerTarget } from '../peer/channel.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link, LinkCloseReason } from '../peer/link-ports.ts';
import { WireError } from '../peer/wire-bytes.ts';
import { Departed } from './departed.ts';
import type { KnownPeers } from './gatekeeper.ts';
import { type MemberChange, MemberRecord } from './member.ts';
import { decodeMembers, encodeMembers, type Mention, mention } from './members-frame.ts';
import type { MembershipSetup } from './membership-setup.ts';

const NOTHING = new Uint8Array(0);

/**
 * Who is in the cluster, from the links to them. Who gets a link up tells the other end of every member it has, so of two nodes that
 * have a third in common, the one that met it later hears of the other, and dials it: all of them get linked. What that leaves out,
 * nodes that cannot dial each other in one direction, is made up for by telling one member everything, now and then.
 *
 * It decides, and keeps its records; telling others in the right order is up to `Cluster`, which gets the changes as results.
 */
export class Membership implements KnownPeers {
  /** How often two nodes were seen with one identity. */
  sameIdentity = 0;
  readonly #setup: MembershipSetup;
  readonly #records = new Map<string, MemberRecord>();
  readonly #departed: Departed;
  #timer: Timer | null = null;
  #leaving = false;

  constructor(setup: MembershipSetup) {
    this.#setup = setup;
    this.#departed = new Departed(setup.options.maxMembers);
  }

  start(): void {
    this.#timer = this.#setup.clock.setInterval(() => this.#gossip(), this.#setup.options.gossipMs);
  }

  /** All that are known, those that are down too; without this node. */
  records(): IterableIterator<MemberRecord> {
    return this.#records.values();
  }

  get(nodeId: string): MemberRecord | null {
    return this.#records.get(nodeId) ?? null;
  }

  /** Whether there is no link to anybody. */
  get isAlone(): boolean {
    for (const record of this.#records.values()) if (record.isLinked) return false;
    return true;
  }

  /** A start of a node has a higher number than those before it: whoever comes with a lower one than is here runs beside it. */
  objection(nodeId: string, incarnation: number): LinkCloseReason | null {
    // Those that join at our address would bring us back again and again.
    if (this.#leaving) return 'leaving';
    const record = this.get(nodeId);
    const isOlder = record?.isLinked === true && incarnation < record.incarnation;
    return isOlder || nodeId === this.#setup.self.nodeId ? 'same_identity' : null;
  }

  /** An older link to the same node has been closed before. */
  onUp(link: Link): MemberChange {
    const { peerId, incarnation, addresses } = link.peer;
    const earlier = this.#records.get(peerId) ?? null;
    const record = this.#record(peerId, incarnation, addresses.length > 0 ? addresses : (earlier?.addresses ?? []));
    const { direction, address } = link.info();
    record.reachedAt = direction === 'outbound' ? address : (earlier?.reachedAt ?? null);
    record.kept = earlier?.kept ?? null;
    record.link = link;
    record.state = 'up';
    this.#departed.delete(peerId);
    this.#records.set(peerId, record);
    this.#keep(record);
    this.#tell(link);
    return { kind: 'joined', member: record };
  }

  /** What was sent while the channel was lost is gone. */
  onResumed(link: Link): void {
    const record = this.#of(link);
    if (record === null) return;
    record.cancelDeadline();
    this.#tell(link);
  }

  /** @throws WireError */
  onMembers(link: Link, buffer: Uint8Array, start: number, end: number): void {
    const mentions = decodeMembers(buffer, start, end);
    if (mentions[0]?.nodeId !== link.peer.peerId) throw new WireError('does not begin with the sender');
    for (const [i, said] of mentions.entries()) this.#heard(said, i === 0);
  }

  /** @returns null: we knew */
  onLeaving(link: Link): MemberChange | null {
    const record = this.#of(link);
    if (record === null || record.state !== 'up') return null;
    this.#enter(record, 'leaving');
    record.kept?.stop();
    record.kept = null;
    return { kind: 'leaving', member: record };
  }

  onLost(link: Link, reason: LinkCloseReason): void {
    const record = this.#of(link);
    if (record === null) return;
    const { deadMs, silentGraceMs } = this.#setup.options;
    if (record.state === 'leaving') this.#removeIn(0, record, 'leaving');
    else this.#removeIn(reason === 'silent' ? silentGraceMs : deadMs, record, 'down');
  }

  onUnreachable(target: PeerTarget, refused: boolean): void {
    const record = target.peerId === null ? null : this.get(target.peerId);
    if (record === null) return;
    if (record.state === 'joining') this.#enter(record, 'down');
    else if (refused && record.link?.state === 'lost') this.#removeIn(0, record, 'down');
  }

  /** @returns null: it was of no member, or of one that has a newer link */
  onClosed(link: Link, reason: LinkCloseReason): MemberChange | null {
    const record = this.#of(link);
    if (record === null) return null;
    record.cancelDeadline();
    record.link = null;
    if (record.state === 'leaving' || reason === 'leaving' || this.#leaving) {
      record.state = 'leaving';
      this.#departed.add(record.nodeId, record.incarnation, this.#setup.clock.now());
      this.#forget(record);
      return { kind: 'left', member: record };
    }
    this.#enter(record, 'down');
    record.heardMs = this.#setup.clock.now();
    this.#keep(record);
    return { kind: reason === 'restarted' ? 'left' : 'down', member: record };
  }

  /** Somebody was turned away by us, or we by them. */
  onRefused(peerId: string, reason: LinkCloseReason): void {
    if (reason === 'same_identity') this.#reportSameIdentity(peerId);
  }

  /** Says good-bye to everybody, and looks for nobody any more. */
  leave(): void {
    this.#leaving = true;
    this.#timer?.cancel();
    for (const record of this.#records.values()) {
      record.kept?.stop();
      record.kept = null;
      record.link?.control(FrameType.Leaving, NOTHING);
      if (!record.isLinked) this.#forget(record);
    }
  }

  stop(): void {
    this.#timer?.cancel();
    for (const record of this.#records.values()) {
      record.cancelDeadline();
      record.kept?.stop();
      record.kept = null;
    }
  }

  /** A member, by what it says of itself or another says of it. */
  #heard(said: Mention, byItself: boolean): void {
    const { nodeId, incarnation, addresses } = said;
    const { self, clock } = this.#setup;
    if (nodeId === self.nodeId) {
      if (incarnation > self.incarnation) this.#reportSameIdentity(nodeId);
      return;
    }
    if (this.#leaving || this.#departed.has(nodeId, incarnation)) return;
    const record = this.#records.get(nodeId);
    if (record === undefined || (!record.isLinked && incarnation > record.incarnation)) {
      if (record === undefined && !this.#makeRoom()) return;
      const fresh = this.#record(nodeId, incarnation, addresses);
      fresh.kept = record?.kept ?? null;
      fresh.reachedAt = record?.reachedAt ?? null;
      this.#records.set(nodeId, fresh);
      this.#keep(fresh);
      return;
    }
    record.heardMs = clock.now();
    // What others say of it may be old.
    if (byItself && addresses.length > 0 && !same(addresses, record.addresses)) {
      record.addresses = addresses;
      this.#keep(record);
    }
  }

  #gossip(): void {
    const { clock, random, options } = this.#setup;
    const oldMs = clock.now() - options.forgetMs;
    for (const record of this.#records.values()) {
      if (record.state === 'down' && record.heardMs < oldMs) this.#forget(record);
    }
    this.#departed.sweep(oldMs);
    const up = [...this.#records.values()].filter(({ link }) => link?.state === 'up');
    const picked = up[Math.floor(random() * up.length)];
    if (picked !== undefined) this.#tell(picked.link!);
  }

  #tell(link: Link): void {
    const { self } = this.#setup;
    const mentions: Mention[] = [mention(self.nodeId, self.incarnation, self.addresses())];
    for (const record of this.#records.values()) {
      if (record.state !== 'up' || record.link === link) continue;
      mentions.push(mention(record.nodeId, record.incarnation, record.addresses));
    }
    link.control(FrameType.Members, encodeMembers(mentions));
    if (this.#leaving) link.control(FrameType.Leaving, NOTHING);
  }

  /** Later, even if at once: not from within a call of the link. */
  #removeIn(ms: number, record: MemberRecord, reason: LinkCloseReason): void {
    record.cancelDeadline();
    const { clock, pool } = this.#setup;
    record.deadline = clock.setTimeout(() => pool.remove('cluster', record.nodeId, reason), ms);
  }

  #record(nodeId: string, incarnation: number, addresses: readonly string[]): MemberRecord {
    const { clock } = this.#setup;
    return new MemberRecord(nodeId, incarnation, addresses, clock.wallMs(), clock.now());
  }

  #enter(record: MemberRecord, state: MemberRecord['state']): void {
    record.state = state;
    record.sinceMs = this.#setup.clock.wallMs();
  }

  #keep(record: MemberRecord): void {
    if (this.#leaving) return;
    if (record.kept === null) record.kept = this.#setup.pool.keep('cluster', record.target);
    else record.kept.update(record.target.addresses);
  }

  #forget(record: MemberRecord): void {
    record.kept?.stop();
    record.kept = null;
    this.#records.delete(record.nodeId);
  }

  /** @returns whether there is room for one more */
  #makeRoom(): boolean {
    if (this.#records.size < this.#setup.options.maxMembers) return true;
    let oldest: MemberRecord | null = null;
    for (const record of this.#records.values()) {
      if (record.state === 'down' && (oldest === null || record.heardMs < oldest.heardMs)) oldest = record;
    }
    if (oldest !== null) this.#forget(oldest);
    else this.#setup.log.warn('cluster_full', { members: this.#records.size }, 'more members than this node takes on');
    return oldest !== null;
  }

  #of(link: Link): MemberRecord | null {
    const record = this.#records.get(link.peer.peerId);
    return record?.link === link ? record : null;
  }

  #reportSameIdentity(nodeId: string): void {
    this.sameIdentity++;
    this.#setup.log.warn('same_identity', { peerId: nodeId }, 'two nodes run with the same identity');
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
