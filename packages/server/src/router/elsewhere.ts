import { Reason } from '@plexus/protocol';
import type { BrokerCounters } from '../broker/counters.ts';
import type { Message } from '../broker/message.ts';
import type { PublishRun } from '../broker/publish-run.ts';
import type { Realm } from '../broker/realm.ts';
import type { Route } from '../broker/route.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import type { ShareGroup } from '../broker/share-group.ts';
import type { Stamp } from '../cluster/hybrid-clock.ts';
import type { RemoteInterest, RemoteRoute, RemoteShare } from '../cluster/ports.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link, Obligations } from '../peer/link-ports.ts';
import {
  encodeMessage,
  encodeRunHead,
  NO_BYTES,
  NOBODY,
  NOBODY_WAITS,
  originHead,
  PLAIN,
  type Portion,
} from './message-frames.ts';
import type { Origin, Sequence } from './sequence.ts';
import { type ShareCandidate, ShareTurns } from './share-turns.ts';

/** The other nodes of the cluster, as forwarding needs them. */
export interface ClusterPort {
  readonly nodeId: string;
  readonly interest: RemoteInterest;
  /** null unless the node is up. */
  link(nodeId: string): Link | null;
  /** Of all nodes that are up. */
  links(): Iterable<Link>;
}

export interface ElsewhereOptions {
  /** Whether shared subscriptions prefer members of this node while one of them is connected. */
  readonly sharedLocalFirst: boolean;
}

/** Where else a topic goes, kept with its local route. */
class Known {
  readonly stamp: number;
  readonly route: RemoteRoute;
  /** Without shared subscriptions nobody has turns: every message goes the same way. null: nowhere, or turn by turn */
  readonly spread: Spread | null;

  constructor(stamp: number, route: RemoteRoute, local: Route) {
    this.stamp = stamp;
    this.route = route;
    const isFixed = route.nodes.length > 0 && route.shares.length === 0;
    this.spread = isFixed ? { groups: local.groups, nodes: plainFor(route.nodes) } : null;
  }
}

/** Where one message, or one run of them, goes. */
export interface Spread {
  /** The shared subscriptions of which a member of this node has the turn. */
  readonly groups: readonly ShareGroup[];
  /** Other nodes, each with the part of it that is for them. */
  readonly nodes: ReadonlyMap<string, Portion>;
}

/**
 * Sends messages to the other nodes of the cluster that want them: one frame per node, however many subscribers it has there. Of each shared
 * subscription it picks the node that is to give the message to one of its members.
 */
export class Elsewhere {
  readonly #cluster: ClusterPort;
  readonly #options: ElsewhereOptions;
  readonly #counters: BrokerCounters;
  readonly #wallMs: () => number;
  readonly #turns = new ShareTurns();
  readonly #sequence: Sequence;

  constructor(
    cluster: ClusterPort,
    options: ElsewhereOptions,
    counters: BrokerCounters,
    sequence: Sequence,
    wallMs: () => number,
  ) {
    this.#sequence = sequence;
    this.#cluster = cluster;
    this.#options = options;
    this.#counters = counters;
    this.#wallMs = wallMs;
  }

  /** @param messages how many go together @returns null: nowhere but here */
  spread(realm: Realm, topic: string, local: Route, messages: number, mayQueue: boolean): Spread | null {
    const { route, spread } = this.#known(realm.name, topic, local);
    if (route.shares.length === 0) return spread;
    const nodes = plainFor(route.nodes);
    const groups = local.groups.filter(({ name }) => !route.shares.some(({ key }) => key === name));
    for (const share of route.shares) {
      const group = local.groups.find(({ name }) => name === share.key) ?? null;
      const nodeId = this.#choose(realm.name, share, group, messages, mayQueue);
      if (nodeId === this.#cluster.nodeId) groups.push(group!);
      else if (nodeId !== null) {
        const portion = nodes.get(nodeId);
        nodes.set(nodeId, { plain: portion?.plain ?? false, shares: [...(portion?.shares ?? []), share.key] });
      }
    }
    return { groups, nodes };
  }

  isWanted(realm: Realm, topic: string, local: Route): boolean {
    const { nodes, shares } = this.#known(realm.name, topic, local).route;
    return nodes.length > 0 || shares.length > 0;
  }

  /** Whether a shared subscription has a member with a connection on another node. */
  hasMember(realm: Realm, key: string): boolean {
    const share = this.#cluster.interest.share(realm.name, key);
    return share !== null && this.#candidates(share.holders, 'online', 0).length > 0;
  }

  /** @param origin where it was published, if that was beyond this cluster */
  sendRun(realm: Realm, run: PublishRun, { nodes }: Spread, origin: Origin | null = null): void {
    const { buffer, start, end } = run.form(run.version);
    const own = origin === null;
    const type = own ? FrameType.Run : FrameType.ForwardedRun;
    const common = {
      sequence: own ? this.#sequence.next(run.count) : origin.sequence,
      publisher: own ? run.publisher : null,
      head: own ? NO_BYTES : originHead(origin),
    };
    let plain: Buffer | null = null;
    for (const [nodeId, portion] of nodes) {
      const link = this.#cluster.link(nodeId);
      if (link === null) continue;
      let head: Buffer;
      if (portion === PLAIN) {
        plain ??= encodeRunHead(realm.name, run, { ...common, portion });
        head = plain;
      } else head = encodeRunHead(realm.name, run, { ...common, portion });
      link.loose(type, head, buffer, start, end, run.count);
    }
  }

  /**
   * @param stamp of a retained message, which goes to every node
   * @param origin where it was published, if that was beyond this cluster
   * @returns how many nodes with subscribers it goes to
   */
  send(
    realm: Realm,
    message: Message,
    spread: Spread | null,
    stamp: Stamp | null,
    commit: CommitTarget | null,
    origin: Origin | null = null,
  ): number {
    const own = origin === null;
    const type = own ? FrameType.Message : FrameType.Forwarded;
    const sequence = own ? this.#sequence.next() : origin.sequence;
    const common = { sequence, stamp, publisher: message.publisher, head: own ? NO_BYTES : originHead(origin) };
    const wallMs = this.#wallMs();
    const encoded = new Map<Portion, Buffer>();
    const frameOf = (portion: Portion): Buffer => {
      let frame = encoded.get(portion);
      if (frame === undefined) {
        frame = encodeMessage(realm.name, message, { ...common, portion }, wallMs);
        encoded.set(portion, frame);
      }
      return frame;
    };
    let count = 0;
    for (const [nodeId, portion] of spread?.nodes ?? []) {
      const link = this.#cluster.link(nodeId);
      if (link === null) continue;
      count++;
      if (message.qos === 0) link.loose(type, frameOf(portion), NO_BYTES, 0, 0, 1);
      // A will, or an event: nobody can be made to wait.
      else if (commit === null && link.isFull) this.#counters.drop('peer_full', 1);
      else {
        const { plain, shares } = portion;
        const first = shares.length > 1 ? { plain, shares: shares.slice(0, 1) } : portion;
        this.#hold(link, realm, message, first, type, frameOf(first), commit);
        // One frame each: its answer says whether that one has members left.
        for (const share of shares.slice(1)) this.#sendShare(link, realm, message, share, commit);
      }
    }
    if (stamp !== null) this.#sendToOthers(realm, spread, message, frameOf, commit);
    return count;
  }

  /** A member of a shared subscription is gone with a message that it had not got: another node's may have it. @returns whether one has */
  handOver(realm: Realm, key: string, message: Message, commit: CommitTarget | null): boolean {
    const share = this.#cluster.interest.share(realm.name, key);
    if (share === null) return false;
    const nodeId = this.#choose(realm.name, share, null, 1, message.qos > 0);
    const link = nodeId === null ? null : this.#cluster.link(nodeId);
    if (link === null) return false;
    // Also over a link that is full: its publisher has its answer, or waits for it, and the message is in memory already.
    this.#sendShare(link, realm, message, key, commit);
    return true;
  }

  /**
   * Gives a message that came back from another node to some other member. Set by whoever can deliver here.
   * @param mayLeave whether the member may be on another node
   * @returns the reason for its publisher
   */
  redeliver: (realm: Realm, key: string, message: Message, commit: CommitTarget | null, mayLeave: boolean) => number =
    () => Reason.Success;

  #sendShare(link: Link, realm: Realm, message: Message, share: string, commit: CommitTarget | null): void {
    const portion = { plain: false, shares: [share] };
    const { publisher } = message;
    const envelope = { portion, sequence: this.#sequence.next(), stamp: null, publisher, head: NO_BYTES };
    const frame = encodeMessage(realm.name, message, envelope, this.#wallMs());
    this.#hold(link, realm, message, portion, FrameType.Message, frame, commit);
  }

  /** Sends it at QoS 1 or 2. */
  #hold(
    link: Link,
    realm: Realm,
    message: Message,
    { shares: [share] }: Portion,
    type: number,
    frame: Buffer,
    commit: CommitTarget | null,
  ): void {
    commit?.slots.oblige(commit.slot);
    if (share !== undefined) {
      const answer = new ShareAnswer(this, link, realm, message, share, commit);
      link.held(type, frame, NO_BYTES, answer, commit?.slot ?? 0);
    } else link.held(type, frame, NO_BYTES, commit?.slots ?? NOBODY_WAITS, commit?.slot ?? 0);
    if (link.isFull) commit?.holdBack?.(link);
  }

  /** A retained message goes also where nobody wants it now. */
  #sendToOthers(
    realm: Realm,
    spread: Spread | null,
    message: Message,
    frameOf: (portion: Portion) => Buffer,
    commit: CommitTarget | null,
  ): void {
    for (const link of this.#cluster.links()) {
      if (spread?.nodes.has(link.peer.peerId) === true) continue;
      if (message.qos === 0) link.loose(FrameType.Message, frameOf(NOBODY), NO_BYTES, 0, 0, 1);
      else if (commit !== null || !link.isFull) {
        this.#hold(link, realm, message, NOBODY, FrameType.Message, frameOf(NOBODY), commit);
      }
    }
  }

  #known(realm: string, topic: string, local: Route): Known {
    const { interest } = this.#cluster;
    const known = local.elsewhere as Known | null;
    const stamp = interest.stamp(realm, local.keys);
    if (known !== null && known.stamp === stamp) return known;
    const route = isOfThisNode(topic) ? NO_ROUTE : interest.match(realm, topic);
    const fresh = new Known(stamp, route, local);
    local.elsewhere = fresh;
    return fresh;
  }

  #choose(
    realm: string,
    { key, holders }: RemoteShare,
    group: ShareGroup | null,
    messages: number,
    mayQueue: boolean,
  ): string | null {
    const here = group?.online ?? 0;
    if (here > 0 && this.#options.sharedLocalFirst) return this.#cluster.nodeId;
    const candidates = this.#candidates(holders, 'online', here);
    // Never to a member without a connection while another has one.
    if (candidates.length === 0 && mayQueue) candidates.push(...this.#candidates(holders, 'away', group?.away ?? 0));
    return candidates.length === 0 ? null : this.#turns.choose(`${realm}\0${key}`, candidates, messages);
  }

  #candidates(holders: RemoteShare['holders'], which: 'online' | 'away', here: number): ShareCandidate[] {
    const candidates: ShareCandidate[] = here > 0 ? [{ nodeId: this.#cluster.nodeId, weight: here }] : [];
    for (const { nodeId, count } of holders) {
      if (count[which] > 0 && this.#cluster.link(nodeId) !== null) candidates.push({ nodeId, weight: count[which] });
    }
    return candidates;
  }
}

function plainFor(nodes: readonly string[]): Map<string, Portion> {
  return new Map(nodes.map((nodeId) => [nodeId, PLAIN]));
}

const NO_ROUTE: RemoteRoute = { nodes: [], shares: [] };

/** Each node has its own. */
function isOfThisNode(topic: string): boolean {
  return topic.startsWith('$SYS/');
}

/**
 * Waits for the answer to a message with a shared subscription in it. A node that has lost its last member meanwhile says so, and one that is
 * gone says nothing: then the message goes to a member elsewhere, before its publisher is answered. One that was answered long ago cannot be
 * refused any more: it stays with the members here.
 */
class ShareAnswer implements Obligations {
  readonly #elsewhere: Elsewhere;
  readonly #link: Link;
  readonly #realm: Realm;
  readonly #message: Message;
  readonly #share: string;
  readonly #commit: CommitTarget | null;

  constructor(
    elsewhere: Elsewhere,
    link: Link,
    realm: Realm,
    message: Message,
    share: string,
    commit: CommitTarget | null,
  ) {
    this.#elsewhere = elsewhere;
    this.#link = link;
    this.#realm = realm;
    // It may have to be sent again, and must not keep its read buffer until then.
    message.compact();
    this.#message = message;
    this.#share = share;
    this.#commit = commit === null ? null : { slots: commit.slots, slot: commit.slot };
  }

  meet(slot: number, reason = 0): void {
    const isLost = this.#link.state === 'closed' || reason === Reason.NoMatchingSubscribers;
    const isRefused = reason >= Reason.UnspecifiedError && this.#commit === null;
    const told =
      isLost || isRefused
        ? this.#elsewhere.redeliver(this.#realm, this.#share, this.#message, this.#commit, isLost)
        : reason;
    this.#commit?.slots.meet(slot, told);
  }
}
