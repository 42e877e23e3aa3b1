import { PacketError, Reason, type RecentTopic } from '@plexus/protocol';
import { AckSlots } from '../broker/ack-slots.ts';
import type { BrokerCounters } from '../broker/counters.ts';
import type { FlowControl, WaitingPublisher } from '../broker/flow-control.ts';
import type { LocalDelivery } from '../broker/local-delivery.ts';
import { PublishRun } from '../broker/publish-run.ts';
import type { Realm, Realms } from '../broker/realm.ts';
import type { Route, Target } from '../broker/route.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import type { ShareGroup } from '../broker/share-group.ts';
import type { Clock } from '../lib/clock.ts';
import { Fifo } from '../lib/fifo.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import type { OriginWindow } from '../peer/origin-window.ts';
import { WireError } from '../peer/wire-bytes.ts';
import { decodeMessage, decodeRunHead, type Portion, type ReceivedMessage } from './message-frames.ts';
import type { RetainedReplica } from './retained-replica.ts';

const NO_TARGETS: readonly Target[] = [];
const NO_GROUPS: readonly ShareGroup[] = [];

export interface FromPeersParts {
  readonly realms: Realms;
  readonly local: LocalDelivery;
  readonly flow: FlowControl;
  readonly retained: RetainedReplica;
  readonly origins: OriginWindow;
  readonly counters: BrokerCounters;
  readonly clock: Clock;
}

/** Messages of one node, in the order in which it sent them. */
class Source implements CommitTarget, WaitingPublisher {
  readonly slots: AckSlots;
  slot = 0;
  readonly #link: Link;
  /** Of the frames whose slots are open, oldest first: slots are answered in order. */
  readonly #numbers = new Fifo<number>();

  constructor(link: Link) {
    this.#link = link;
    this.slots = new AckSlots({
      writeAcknowledgement: (_packetId, _ack, reason) => link.done(this.#numbers.shift()!, reason),
    });
  }

  take(number: number): number {
    this.#numbers.push(number);
    // The packet id and the kind are a client's business.
    this.slot = this.slots.take(0, 1);
    return this.slot;
  }

  resumePublishing(): void {
    this.#link.resumeData();
  }
}

/** Takes the messages that other nodes send to this one: they go to sessions here, and never any further. */
export class FromPeers {
  readonly #parts: FromPeersParts;
  readonly #sources = new Map<Link, Source>();

  constructor(parts: FromPeersParts) {
    this.#parts = parts;
  }

  onUp(link: Link): void {
    this.#sources.set(link, new Source(link));
  }

  onClosed(link: Link): void {
    const source = this.#sources.get(link);
    if (source === undefined) return;
    this.#sources.delete(link);
    this.#parts.flow.forget(source);
  }

  /** As `LinkEvents.onData`. */
  onData(
    link: Link,
    number: number,
    held: boolean,
    type: number,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const source = this.#sources.get(link)!;
    const { flow } = this.#parts;
    if (flow.closed) {
      flow.wait(source);
      return false;
    }
    try {
      if (type === FrameType.Run) this.#run(link, number, buffer, start, end);
      else if (type === FrameType.Message) this.#message(link, source, number, held, buffer, start, end);
      else link.done(number, 0);
    } catch (error) {
      // A PacketError: not even the specification allows such a topic.
      if (!(error instanceof WireError) && !(error instanceof PacketError)) throw error;
      link.close('bad_frame', error.message);
    }
    return true;
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

  #message(
    link: Link,
    source: Source,
    number: number,
    held: boolean,
    buffer: Uint8Array,
    start: number,
    end: number,
  ): void {
    const received = decodeMessage(buffer, start, end, this.#parts.clock.wallMs(), (name, topic) =>
      this.#topic(name, topic),
    );
    if (received === null) {
      link.done(number, 0);
      return;
    }
    if (received.stamp !== null) this.#parts.retained.received(received.realm, received.message, received.stamp);
    if (!held) {
      this.#deliver(received, null);
      link.done(number, 0);
      return;
    }
    const { peerId, incarnation } = link.peer;
    // Retained messages that are told again have no number of their own.
    const isNew = received.sequence === 0 || this.#parts.origins.isNew(peerId, incarnation, received.sequence);
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

const DOLLAR = 0x24;

/** Its node may allow its clients more than this one. @throws {PacketError} for what is no topic anywhere */
function topicIn(realm: Realm, topic: Buffer): RecentTopic {
  if (topic[0] === DOLLAR) return realm.unboundTopic(topic);
  try {
    return realm.topics.lookup(topic, 0, topic.length);
  } catch (error) {
    if (error instanceof PacketError) return realm.unboundTopic(topic);
    throw error;
  }
}
