import { Reason, type RecentTopic } from '@plexus/protocol';
import type { BrokerCounters } from '../broker/counters.ts';
import type { FlowControl } from '../broker/flow-control.ts';
import type { LocalDelivery } from '../broker/local-delivery.ts';
import { checkProperties, PublishRun } from '../broker/publish-run.ts';
import type { Realm, Realms } from '../broker/realm.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import type { Clock } from '../lib/clock.ts';
import type { MeshPort } from '../mesh/ports.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { Link } from '../peer/link-ports.ts';
import type { OriginWindow } from '../peer/origin-window.ts';
import { WireError } from '../peer/wire-bytes.ts';
import type { Elsewhere } from './elsewhere.ts';
import { decodeMessage, decodeRunHead, PLAIN, type Portion, type ReceivedMessage } from './message-frames.ts';
import { type PeerSource, PeerSources, topicIn } from './peer-sources.ts';
import type { Origin } from './sequence.ts';

export interface FromMeshParts {
  readonly mesh: Pick<MeshPort, 'accepts' | 'isFederated'>;
  readonly realms: Realms;
  readonly local: LocalDelivery;
  readonly flow: FlowControl;
  /** null: the node is in no cluster */
  readonly elsewhere: Elsewhere | null;
  /** Of what other members pass on too: the same message may come both ways. */
  readonly origins: OriginWindow;
  readonly counters: BrokerCounters;
  readonly clock: Clock;
}

/**
 * Takes the messages that nodes beyond the cluster send to this one: they go to sessions here, and once to the other members of the cluster
 * that want them; never back into the mesh. Every one is checked against its sender's token, and dropped if it was here before.
 */
export class FromMesh extends PeerSources {
  readonly #parts: FromMeshParts;
  /** Messages that came a second time. */
  duplicates = 0;

  constructor(parts: FromMeshParts) {
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
    if (type === FrameType.Run) this.#run(link, number, buffer, start, end);
    else if (type === FrameType.Message) this.#message(link, source, number, held, buffer, start, end);
    else link.done(number, 0);
  }

  #run(link: Link, number: number, buffer: Uint8Array, start: number, end: number): void {
    const head = decodeRunHead(buffer, start, end);
    const realm = this.#realm(head.realm);
    if (realm !== null) {
      const topic = topicIn(realm, head.topic);
      if (this.#accepts(link, realm, topic)) {
        // Client ids of another cluster are none of this one.
        const run = PublishRun.parse(topic, head.version, '', buffer, head.start, end);
        if (run === null) throw new WireError('a run that is no run of packets');
        run.checkProperties();
        const origin = originOf(link, head.sequence);
        if (this.#isNew(origin, run.count)) this.#deliverRun(realm, run, origin);
      }
    }
    link.done(number, 0);
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
    const { clock } = this.#parts;
    const received = decodeMessage(buffer, start, end, clock.wallMs(), (name, topic) => {
      const realm = this.#realm(name);
      return realm === null ? null : topicIn(realm, topic);
    });
    const realm = received && this.#realm(received.realm);
    if (received === null || realm === null || !this.#accepts(link, realm, received.message.topic)) {
      link.done(number, held ? Reason.NotAuthorized : 0);
      return;
    }
    const { buffer: bytes, propertiesStart, propertiesEnd, publisher } = received.message;
    checkProperties(bytes, propertiesStart, propertiesEnd);
    // Client ids of another cluster are none of this one.
    if (publisher !== null) throw new WireError('a message with a client id');
    const origin = originOf(link, received.sequence);
    const isNew = this.#isNew(origin, 1);
    if (!held) {
      if (isNew) this.#deliver(realm, received, origin, null);
      link.done(number, 0);
      return;
    }
    const slot = source.take(number);
    let reason: number = Reason.UnspecifiedError;
    try {
      if (isNew) reason = this.#deliver(realm, received, origin, source);
      else reason = this.#passOn(realm, received, origin, source);
    } finally {
      source.slots.meet(slot, reason);
    }
  }

  #deliverRun(realm: Realm, run: PublishRun, origin: Origin): void {
    const { local, elsewhere } = this.#parts;
    const route = realm.route(run.topic);
    const spread = elsewhere?.spread(realm, run.topic.name, route, run.count, false) ?? null;
    local.deliverRun(run, route.targets, spread?.groups ?? route.groups);
    if (spread !== null) elsewhere!.sendRun(realm, run, spread, origin);
  }

  /** @returns the reason for the publisher's node */
  #deliver(realm: Realm, { message }: ReceivedMessage, origin: Origin, commit: CommitTarget | null): number {
    const { local, elsewhere, counters } = this.#parts;
    const route = realm.route(message.topic);
    const spread = elsewhere?.spread(realm, message.topic.name, route, 1, message.qos > 0) ?? null;
    const groups = spread?.groups ?? route.groups;
    if (commit !== null && !local.admits(message, route.targets, groups)) {
      counters.drop('refused', 1);
      return Reason.QuotaExceeded;
    }
    local.deliver(message, commit, route.targets, groups);
    if (spread !== null) elsewhere!.send(realm, message, spread, null, commit, origin);
    return Reason.Success;
  }

  /** Nobody may be in a realm here, and yet this node be the one that passes its messages on to the cluster. */
  #realm(name: string): Realm | null {
    const { mesh, realms } = this.#parts;
    return mesh.isFederated(name) ? realms.admit(name) : realms.find(name);
  }

  /**
   * A message that was here before: the member that passed it on may have died before all of the others had it. They know it if it comes again.
   * Of shared subscriptions some member has it.
   */
  #passOn(realm: Realm, { message }: ReceivedMessage, origin: Origin, commit: CommitTarget): number {
    const { elsewhere } = this.#parts;
    const spread = elsewhere?.spread(realm, message.topic.name, realm.route(message.topic), 1, true) ?? null;
    const nodes = new Map<string, Portion>();
    for (const [nodeId, { plain }] of spread?.nodes ?? []) if (plain) nodes.set(nodeId, PLAIN);
    if (nodes.size > 0) elsewhere!.send(realm, message, { groups: [], nodes }, null, commit, origin);
    return Reason.Success;
  }

  #accepts(link: Link, realm: Realm, topic: RecentTopic): boolean {
    return this.#parts.mesh.accepts(link, realm.name, topic.name);
  }

  #isNew({ nodeId, epoch, sequence }: Origin, messages: number): boolean {
    if (sequence === 0) throw new WireError('a message without a number');
    if (this.#parts.origins.isNew(nodeId, epoch, sequence)) return true;
    this.duplicates += messages;
    return false;
  }
}

/** Only what its own clients published comes over a link of the mesh. */
function originOf({ peer }: Link, sequence: number): Origin {
  return { nodeId: peer.peerId, epoch: peer.incarnation, sequence };
}
