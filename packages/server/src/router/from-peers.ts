import { Reason, type RecentTopic } from '@plexus/protocol';
import type { BrokerCounters } from '../broker/counters.ts';
import type { FlowControl } from '../broker/flow-control.ts';
import type { LocalDelivery } from '../broker/local-delivery.ts';
import { PublishRun } from '../broker/publish-run.ts';
import type { Realm, Realms } from '../broker/realm.ts';
import type { Route, Target } from '../broker/route.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import type { ShareGroup } from '../broker/share-group.ts';
import type { Clock } from '../lib/clock.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import type { OriginWindow } from '../peer/origin-window.ts';
import { WireError } from '../peer/wire-bytes.ts';
import { decodeMessage, decodeRunHead, type Portion, type ReceivedMessage, readOriginHead } from './message-frames.ts';
import { type PeerSource, PeerSources, topicIn } from './peer-sources.ts';
import type { RetainedReplica } from './retained-replica.ts';

const NO_TARGETS: readonly Target[] = [];
const NO_GROUPS: readonly ShareGroup[] = [];

export interface FromPeersParts {
  readonly realms: Realms;
  readonly local: LocalDelivery;
  readonly flow: FlowControl;
  readonly retained: RetainedReplica;
  /** Of what came over the mesh too: the same message may come both ways. */
  readonly origins: OriginWindow;
  readonly counters: BrokerCounters;
  readonly clock: Clock;
}

/** Takes the messages that other nodes of the cluster send to this one: they go to sessions here, and never any further. */
export class FromPeers extends PeerSources {
  readonly #parts: FromPeersParts;

  constructor(parts: FromPeersParts) {
    super(parts.flow);
    this.#parts = parts;
  }

  protected override take(
    link: Link,
    source: PeerSource,
    number: number,
    held: boolean,
    type: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    switch (type) {
      case FrameType.Run:
        this.#run(link, number, buffer, start, end);
        break;
      case FrameType.Message:
        this.#message(link, source, number, held, buffer, start, end);
        break;
      case FrameType.ForwardedRun:
        this.#forwardedRun(link, number, buffer, start, end);
        break;
      case FrameType.Forwarded:
        this.#forwarded(link, source, number, held, buffer, start, end);
        break;
      default:
        link.done(number, 0);
    }
  }

  #forwardedRun(link: Link, number: number, buffer: Uint8Array, start: number, end: number): void {
    const origin = readOriginHead(buffer, start, end);
    const { sequence } = decodeRunHead(buffer, origin.start, end);
    if (this.#parts.origins.isNew(origin.nodeId, origin.epoch, sequence)) {
      this.#run(link, number, buffer, origin.start, end);
    } else link.done(number, 0);
  }

  #run(link: Link, number: number, buffer: Uint8Array, start: number, end: number): void {
    const head = decodeRunHead(buffer, start, end);
    const realm = this.#parts.realms.find(head.realm);
    if (realm !== null) {
      const topic = topicIn(realm, head.topic);
      const run = PublishRun.parse(topic, head.version, head.publisher, buffer, head.start, end);
      if (run === null) throw new WireError('a run that is no run of packets');
      const { targets, groups } = this.#partOf(realm, realm.route(topic), head.portion);
      this.#parts.local.deliverRun(run, targets, groups);
    }
    link.done(number, 0);
  }

  #forwarded(
    link: Link,
    source: PeerSource,
    number: number,
    held: boolean,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    const origin = readOriginHead(buffer, start, end);
    const received = this.#decode(buffer, origin.start, end);
    if (received === null) {
      link.done(number, 0);
      return;
    }
    const isNew = this.#parts.origins.isNew(origin.nodeId, origin.epoch, received.sequence);
    this.#take(link, source, number, held, received, isNew);
  }

  #message(
    link: Link,
    source: PeerSource,
    number: number,
    held: boolean,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    const received = this.#decode(buffer, start, end);
    if (received === null) {
      link.done(number, 0);
      return;
    }
    if (received.stamp !== null) this.#parts.retained.received(received.realm, received.message, received.stamp);
    const { peerId, incarnation } = link.peer;
    // Retained messages that are told again have no number of their own; what is not held is not sent again.
    const isNew = !held || received.sequence === 0 || this.#parts.origins.isNew(peerId, incarnation, received.sequence);
    this.#take(link, source, number, held, received, isNew);
  }

  #take(
    link: Link,
    source: PeerSource,
    number: number,
    held: boolean,
    received: ReceivedMessage,
    isNew: boolean,
  ): void {
    if (!held) {
      if (isNew) this.#deliver(received, null);
      link.done(number, 0);
      return;
    }
    const slot = source.take(number);
    let reason: number = Reason.UnspecifiedError;
    try {
      reason = isNew ? this.#deliver(received, source) : Reason.Success;
    } finally {
      source.slots.meet(slot, reason);
    }
  }

  /** @returns the reason for the publisher's node */
  #deliver(received: ReceivedMessage, commit: CommitTarget | null): number {
    const { message, portion } = received;
    if (!portion.plain && portion.shares.length === 0) return Reason.Success;
    const realm = this.#parts.realms.get(received.realm);
    const { targets, groups } = this.#partOf(realm, realm.route(message.topic), portion);
    if (commit !== null && !this.#parts.local.admits(message, targets, groups)) {
      this.#parts.counters.drop('refused', 1);
      return Reason.QuotaExceeded;
    }
    this.#parts.local.deliver(message, commit, targets, groups);
    // The last member has gone meanwhile: another node's may have it.
    return groups.length < portion.shares.length ? Reason.NoMatchingSubscribers : Reason.Success;
  }

  #decode(buffer: Uint8Array, start: number, end: number): ReceivedMessage | null {
    return decodeMessage(buffer, start, end, this.#parts.clock.wallMs(), (name, topic) => this.#topic(name, topic));
  }

  #partOf(
    realm: Realm,
    route: Route,
    { plain, shares }: Portion,
  ): { targets: readonly Target[]; groups: readonly ShareGroup[] } {
    const targets = plain ? route.targets : NO_TARGETS;
    if (shares.length === 0) return { targets, groups: NO_GROUPS };
    return { targets, groups: shares.flatMap((share) => realm.group(share) ?? []) };
  }

  #topic(name: string, topic: Buffer): RecentTopic | null {
    const realm = this.#parts.realms.admit(name);
    return realm === null ? null : topicIn(realm, topic);
  }
}
