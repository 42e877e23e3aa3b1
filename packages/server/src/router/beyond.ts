import { Reason } from '@plexus/protocol';
import type { BrokerCounters } from '../broker/counters.ts';
import type { Message } from '../broker/message.ts';
import type { BrokerOptions } from '../broker/options.ts';
import type { PublishRun } from '../broker/publish-run.ts';
import type { Realm } from '../broker/realm.ts';
import type { Route } from '../broker/route.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Turn, TurnTask } from '../lib/turn.ts';
import { type MeshPort, type MeshRoute, NO_MESH_ROUTE, REASK_MS } from '../mesh/ports.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { HeldFrame, Link } from '../peer/link-ports.ts';
import { MeshAnswer, MeshPaths } from './mesh-answers.ts';
import { costOf, countOf, type MeshSend, sendLoose } from './mesh-send.ts';
import { encodeMessage, encodeRunHead, NO_BYTES, PLAIN } from './message-frames.ts';
import { PeerOutboxes } from './peer-outboxes.ts';
import type { Sequence } from './sequence.ts';
import { type TopicQueue, type TopicQueueListing, TopicQueues } from './topic-queues.ts';

/** Topics whose messages wait; beyond it, further ones are treated as if their queue were full. */
const MAX_WAITING_TOPICS = 10_000;

export interface BeyondOptions extends Pick<BrokerOptions, 'queueFull'> {
  readonly meshPendingMessages: number;
  readonly meshPendingMs: number;
  readonly meshPendingBytes: number;
}

export interface BeyondParts {
  readonly mesh: MeshPort;
  readonly options: BeyondOptions;
  readonly counters: BrokerCounters;
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly turn: Turn;
}

/** Where a topic goes beyond the cluster, kept with its local route. */
interface Known {
  readonly stamp: number;
  readonly untilMs: number;
  readonly route: MeshRoute;
}

/**
 * Sends messages to the nodes beyond the cluster that want them: one frame per cluster, the same bytes for all. While it is still being found out
 * who wants a topic its messages wait: whoever is found gets all of them, in order, and then what comes.
 */
export class Beyond implements TurnTask {
  readonly #parts: BeyondParts;
  readonly #queues: TopicQueues;
  readonly #outboxes: PeerOutboxes;
  /** Realms whose waiting messages have to look again, at the end of the turn. */
  readonly #changed = new Set<string>();
  readonly #paths = new MeshPaths();
  /** Peers that cannot be reached, while it is being found out who else of their clusters can be; until when. */
  readonly #awaited = new Map<string, Timer>();
  /** The one of them whose time is up. */
  #givenUp: string | null = null;

  constructor(parts: BeyondParts) {
    const { mesh, options, clock, turn } = parts;
    const { meshPendingMessages, meshPendingMs, meshPendingBytes } = options;
    this.#parts = parts;
    const limits = { maxMessages: meshPendingMessages, maxBytes: meshPendingBytes };
    this.#queues = new TopicQueues(
      { ...limits, maxTopics: MAX_WAITING_TOPICS, maxWaitMs: meshPendingMs },
      clock,
      (queue, send) => this.#timedOut(queue, send),
    );
    this.#outboxes = new PeerOutboxes(
      limits,
      (peerId, done) => mesh.connect(peerId, done),
      (link, send) => this.#giveLate(link, send),
      (peerId, send) => this.#elsewhere(peerId, send),
    );
    mesh.onRoutes = (realm) => {
      if (this.#changed.size === 0) turn.atEnd(this);
      this.#changed.add(realm);
    };
  }

  /** Messages that wait: until it is known who wants them, or for a link. */
  get pending(): { readonly topics: number; readonly messages: number; readonly bytes: number } {
    const { size, messages, bytes } = this.#queues;
    return { topics: size, messages: messages + this.#outboxes.messages, bytes: bytes + this.#outboxes.bytes };
  }

  /** Topics with messages that wait until it is known who wants them. */
  waiting(): readonly TopicQueueListing[] {
    return this.#queues.list();
  }

  stop(): void {
    this.#queues.stop();
    for (const timer of this.#awaited.values()) timer.cancel();
  }

  isWanted(realm: Realm, topic: string, local: Route): boolean {
    const { peers, isSettled } = this.#route(realm, topic, local);
    return peers.length > 0 || !isSettled;
  }

  /** Whether there is room for a message at QoS 1 or 2, if it has to wait. Asked before anything has it. */
  admits(realm: Realm, message: Message, local: Route): boolean {
    const { queueFull } = this.#parts.options;
    if (queueFull === 'drop-oldest' || queueFull === 'drop-newest') return true;
    const topic = message.topic.name;
    const { peers, isSettled } = this.#route(realm, topic, local);
    const bytes = message.costBytes;
    if (!isSettled || this.#queues.find(realm.name, topic) !== null) {
      return this.#queues.hasRoom(realm.name, topic, bytes);
    }
    return peers.every((peerId) => {
      const through = this.#through(realm.name, peerId, topic);
      return !this.#mustWait(through) || this.#outboxes.hasRoom(through, bytes);
    });
  }

  sendRun(realm: Realm, run: PublishRun, local: Route): void {
    const topic = run.topic.name;
    const route = this.#route(realm, topic, local);
    if (route === NO_MESH_ROUTE) return;
    const { buffer, start, end } = run.form(run.version);
    const sequence = this.#parts.sequence.next(run.count);
    const head = encodeRunHead(realm.name, run, { portion: PLAIN, sequence, publisher: null, head: NO_BYTES });
    if (route.isSettled && this.#queues.find(realm.name, topic) === null) {
      let isWaiting = false;
      for (const peerId of route.peers) {
        if (this.#mustWait(this.#through(realm.name, peerId, null))) isWaiting = true;
        else this.#parts.mesh.link(peerId)!.loose(FrameType.Run, head, buffer, start, end, run.count);
      }
      if (!isWaiting) return;
    }
    const frame = Buffer.concat([head, buffer.subarray(start, end)]);
    const send = { realm: realm.name, topic, type: FrameType.Run, frame, messages: run.count, commit: null };
    if (route.isSettled && this.#queues.find(realm.name, topic) === null) {
      for (const peerId of route.peers) {
        if (this.#mustWait(this.#through(realm.name, peerId, null))) this.#toPeer(peerId, send);
      }
    } else this.#wait(send, route);
  }

  /** @returns how many clusters it goes to, as far as that is known; 1 if it waits */
  send(realm: Realm, message: Message, local: Route, commit: CommitTarget | null): number {
    const topic = message.topic.name;
    const route = this.#route(realm, topic, local);
    if (route === NO_MESH_ROUTE) return 0;
    const { sequence, clock } = this.#parts;
    const envelope = { portion: PLAIN, sequence: sequence.next(), stamp: null, publisher: null, head: NO_BYTES };
    const send: MeshSend = {
      realm: realm.name,
      topic,
      type: FrameType.Message,
      frame: encodeMessage(realm.name, message, envelope, clock.wallMs()),
      messages: message.qos === 0 ? 1 : 0,
      commit: commit === null ? null : { slots: commit.slots, slot: commit.slot },
    };
    if (route.isSettled && this.#queues.find(realm.name, topic) === null) {
      for (const peerId of route.peers) this.#toPeer(peerId, send, commit);
      return route.peers.length;
    }
    this.#wait(send, route);
    return 1;
  }

  /** What a link of the mesh still held when it ended: the peer, or another of its cluster, gets it over another. */
  onClosed({ peer }: Link, unanswered: readonly HeldFrame[]): void {
    const { peerId } = peer;
    const sends = new Map<string, MeshSend[]>();
    for (const held of unanswered) {
      if (!(held.obligations instanceof MeshAnswer)) continue;
      held.taken = true;
      const send = held.obligations.giveUp();
      const through = this.#through(send.realm, peerId, send.topic);
      const before = sends.get(through);
      if (before === undefined) sends.set(through, [send]);
      else before.push(send);
    }
    // They were sent before anything that waits; and they were in memory, and bounded, on the link too.
    for (const [through, all] of sends) this.#outboxes.putBack(through, all);
  }

  endOfTurn(): void {
    const realms = [...this.#changed];
    this.#changed.clear();
    for (const peerId of [...this.#awaited.keys()]) this.#retry(peerId);
    for (const realm of realms) {
      for (const queue of this.#queues.ofRealm(realm)) {
        const route = this.#parts.mesh.route(realm, queue.topic);
        this.#reach(queue, route);
        if (route.isSettled) for (const send of this.#queues.end(queue)) this.#release(send);
      }
    }
  }

  #route(realm: Realm, topic: string, local: Route): MeshRoute {
    const { mesh, clock } = this.#parts;
    if (!mesh.isFederated(realm.name)) return NO_MESH_ROUTE;
    const known = local.beyond as Known | null;
    const stamp = mesh.stamp(realm.name, local.keys);
    const nowMs = clock.now();
    if (known !== null && known.stamp === stamp && nowMs < known.untilMs) return known.route;
    const route = mesh.route(realm.name, topic);
    local.beyond = route.isSettled ? { stamp, untilMs: nowMs + REASK_MS, route } : null;
    return route;
  }

  /** Whether what is for a peer has to wait for a link. */
  #mustWait(peerId: string): boolean {
    return this.#outboxes.has(peerId) || this.#parts.mesh.link(peerId) === null;
  }

  /**
   * Who gets what is for the cluster of a peer: while messages of the topic are not answered by one of its nodes, or any wait for one, what comes
   * after them goes the same way. Else it would overtake them when the route has changed.
   * @param topic of a message at QoS 1 or 2; null: nobody answers it
   */
  #through(realm: string, peerId: string, topic: string | null): string {
    const [outboxes, { mesh }] = [this.#outboxes, this.#parts];
    const cluster = mesh.clusterOf(realm, peerId);
    if (cluster === peerId) return peerId;
    const before = topic === null ? null : this.#paths.peerOf(cluster, realm, topic);
    if (before !== null && !this.#mustWait(before)) return before;
    if (outboxes.size === 0 || outboxes.has(peerId)) return peerId;
    for (const other of outboxes.peers()) if (mesh.clusterOf(realm, other) === cluster) return other;
    return peerId;
  }

  #toPeer(wanted: string, send: MeshSend, publisher: CommitTarget | null = null): void {
    const peerId = this.#through(send.realm, wanted, send.messages === 0 ? send.topic : null);
    if (!this.#mustWait(peerId)) {
      const link = this.#parts.mesh.link(peerId)!;
      if (send.messages === 0) send.commit?.slots.oblige(send.commit.slot);
      this.#give(link, send);
      if (link.isFull) publisher?.holdBack?.(link);
      return;
    }
    if (!this.#outboxes.hasRoom(peerId, costOf(send))) {
      this.#parts.counters.drop('mesh_pending_full', countOf(send));
      return;
    }
    if (send.messages === 0) send.commit?.slots.oblige(send.commit.slot);
    this.#outboxes.add(peerId, send);
  }

  /** Over a link. At QoS 1 and 2 an obligation is open for it. */
  #give(link: Link, send: MeshSend): void {
    if (send.messages > 0) {
      sendLoose(link, send);
      return;
    }
    // Nobody can be made to wait.
    if (send.commit === null && link.isFull) {
      this.#parts.counters.drop('peer_full', 1);
      return;
    }
    const { peerId } = link.peer;
    const cluster = this.#parts.mesh.clusterOf(send.realm, peerId);
    const answer = this.#paths.answerOf(send, cluster === peerId ? null : cluster, peerId);
    link.held(send.type, send.frame, NO_BYTES, answer, send.commit?.slot ?? 0);
  }

  /**
   * What waited for the link: the peer may have lost its rights in the realm meanwhile, and have the link for the sake of another; or it was
   * started anew, and others of its cluster want what it does not.
   */
  #giveLate(link: Link, send: MeshSend): void {
    const { mesh } = this.#parts;
    const [{ peerId }, { realm, topic }] = [link.peer, send];
    if (!mesh.maySend(realm, peerId)) this.#lose(send);
    else if (mesh.route(realm, topic).peers.includes(peerId)) this.#give(link, send);
    else this.#elsewhere(peerId, send);
  }

  /** Puts a message with those that wait, and gives it to those who have got the others. */
  #wait(send: MeshSend, route: MeshRoute): void {
    const { realm, topic } = send;
    const { mesh } = this.#parts;
    const reached = this.#queues.find(realm, topic)?.reached;
    for (const peerId of route.peers) {
      if (reached?.has(mesh.clusterOf(realm, peerId)) === true) this.#toPeer(peerId, send);
    }
    if (!this.#makeRoom(send)) return;
    if (send.messages === 0) send.commit?.slots.oblige(send.commit.slot);
    const queue = this.#queues.add(send);
    this.#reach(queue, route);
  }

  /** @returns false: there is none, and the message was dropped and counted */
  #makeRoom(send: MeshSend): boolean {
    const { options, counters } = this.#parts;
    const { realm, topic } = send;
    const queue = this.#queues.find(realm, topic);
    // At QoS 0 the newest goes; those that may refuse were asked before.
    while (!this.#queues.hasRoom(realm, topic, costOf(send))) {
      const oldest = options.queueFull === 'drop-oldest' && queue !== null ? this.#queues.shift(queue) : null;
      counters.drop('mesh_pending_full', countOf(oldest ?? send));
      if (oldest === null) return false;
      this.#release(oldest);
    }
    return true;
  }

  /** Gives everything that waits to clusters that have not got it. */
  #reach(queue: TopicQueue, { peers }: MeshRoute): void {
    const { mesh } = this.#parts;
    for (const peerId of peers) {
      const cluster = mesh.clusterOf(queue.realm, peerId);
      if (queue.reached.has(cluster)) continue;
      queue.reached.add(cluster);
      for (const send of queue.sends()) this.#toPeer(peerId, send);
    }
  }

  /** It does not wait any more, and went wherever it had to. */
  #release({ messages, commit }: MeshSend, reason = 0): void {
    if (messages === 0) commit?.slots.meet(commit.slot, reason);
  }

  #timedOut(queue: TopicQueue, send: MeshSend): void {
    const { options, counters } = this.#parts;
    if (queue.reached.size > 0) {
      // It was sent to those who were found in time.
      this.#release(send);
      return;
    }
    counters.drop('mesh_pending_timeout', countOf(send));
    const mayRefuse = options.queueFull === 'reject' || options.queueFull === 'disconnect';
    this.#release(send, mayRefuse ? Reason.QuotaExceeded : 0);
  }

  /** A peer cannot be reached: another node of its cluster may have taken over. */
  #elsewhere(peerId: string, send: MeshSend): void {
    const { mesh } = this.#parts;
    const cluster = mesh.clusterOf(send.realm, peerId);
    const { peers, isSettled } = mesh.route(send.realm, send.topic);
    const next = peers.find((each) => each !== peerId && mesh.clusterOf(send.realm, each) === cluster);
    const other = next && this.#through(send.realm, next, send.messages === 0 ? send.topic : null);
    if (other === undefined && !isSettled && this.#givenUp !== peerId) this.#await(peerId, send);
    else if (other === undefined) this.#lose(send);
    else if (!this.#mustWait(other)) this.#give(mesh.link(other)!, send);
    // Ends: who cannot be reached is forgotten after a second try, and then no route has it.
    else if (this.#outboxes.hasRoom(other, costOf(send))) this.#outboxes.add(other, send);
    else this.#lose(send);
  }

  /** Others of its cluster may have been found, and not yet have said what they want. */
  #await(peerId: string, send: MeshSend): void {
    this.#outboxes.hold(peerId, send);
    if (this.#awaited.has(peerId)) return;
    const { clock, options } = this.#parts;
    const giveUp = (): void => {
      this.#givenUp = peerId;
      this.#retry(peerId);
      this.#givenUp = null;
    };
    this.#awaited.set(peerId, clock.setTimeout(giveUp, options.meshPendingMs));
  }

  #retry(peerId: string): void {
    this.#outboxes.retry(peerId);
    if (this.#outboxes.has(peerId) && this.#givenUp === null) return;
    this.#awaited.get(peerId)?.cancel();
    this.#awaited.delete(peerId);
  }

  /** Nobody of the cluster it was for can be reached: the obligation towards it lapses. */
  #lose(send: MeshSend): void {
    this.#parts.counters.drop('mesh_unreachable', countOf(send));
    this.#release(send);
  }
}
