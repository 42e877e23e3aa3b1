import { Broker, SWEEP_MS } from '../broker/broker.ts';
import { BrokerCounters } from '../broker/counters.ts';
import { LocalDelivery } from '../broker/local-delivery.ts';
import { MemoryRetainedStore } from '../broker/memory-retained-store.ts';
import { MemorySessionStore } from '../broker/memory-session-store.ts';
import type { BrokerOptions } from '../broker/options.ts';
import type { Authenticator, InterestSink } from '../broker/ports.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { HybridClock } from '../cluster/hybrid-clock.ts';
import type { OwnInterest } from '../cluster/own-interest.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import { type Logger, rateLimited } from '../lib/log.ts';
import type { Turn } from '../lib/turn.ts';
import type { MeshFrames } from '../mesh/link-ports.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { FrameType } from '../peer/frame-types.ts';
import { OriginWindow } from '../peer/origin-window.ts';
import { Beyond, type BeyondOptions } from '../router/beyond.ts';
import { ClientClaims } from '../router/client-claims.ts';
import { Elsewhere } from '../router/elsewhere.ts';
import { FromMesh } from '../router/from-mesh.ts';
import { FromPeers } from '../router/from-peers.ts';
import { RetainedReplica } from '../router/retained-replica.ts';
import { RetainedSync } from '../router/retained-sync.ts';
import { Router } from '../router/router.ts';
import { Sequence } from '../router/sequence.ts';
import { StoreInterest } from '../router/store-interest.ts';
import type { TopicQueueListing } from '../router/topic-queues.ts';
import type { Stores } from '../store/store.ts';

/** How often a drain looks whether the last connection is gone. */
const DRAIN_POLL_MS = 20;

export interface MessagingOptions extends BrokerOptions, BeyondOptions {
  readonly sharedLocalFirst: boolean;
  readonly retainedTombstoneS: number;
  readonly maxRetainedTombstones: number;
}

export interface MessagingParts {
  readonly options: MessagingOptions;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly authenticator: Authenticator;
  newClientId(): string;
  readonly log: Logger;
  /** null: the node is in no cluster */
  readonly cluster: Cluster | null;
  /** Default: it takes no part in the mesh. */
  readonly mesh?: Mesh | null;
  readonly stores: Stores;
}

/** The broker, the router and what joins them to a cluster: the whole way of a message, on whatever clock and network. */
export class Messaging implements LifecyclePart {
  readonly broker: Broker;
  readonly router: Router;
  readonly counters = new BrokerCounters();
  readonly #parts: MessagingParts;
  readonly #claims: ClientClaims | null = null;
  readonly #sync: RetainedSync | null = null;
  readonly #beyond: Beyond | null;
  readonly #fromMesh: FromMesh | null = null;
  #sweep: Timer | null = null;

  constructor(parts: MessagingParts) {
    const { options, clock, turn, authenticator, stores, log, cluster, mesh = null } = parts;
    this.#parts = parts;
    const queuedBytes = { total: 0 };
    const retained = new MemoryRetainedStore(options);
    const local = new LocalDelivery(options, queuedBytes);
    const wallMs = (): number => clock.wallMs();
    const sequence = new Sequence();
    const stamps = cluster === null ? null : new HybridClock(clock, cluster.nodeId);
    const joined =
      cluster === null || stamps === null
        ? null
        : {
            elsewhere: new Elsewhere(cluster, options, this.counters, sequence, wallMs),
            retained: new RetainedReplica({
              store: retained,
              stamps,
              wallMs,
              tombstoneMs: options.retainedTombstoneS * 1000,
              maxTombstones: options.maxRetainedTombstones,
              onFull: () => this.counters.drop('retained_full', 1),
            }),
          };
    this.#beyond = mesh && new Beyond({ mesh, options, counters: this.counters, sequence, clock, turn });
    this.router = new Router(local, retained, this.counters, joined, this.#beyond);
    this.#claims =
      cluster === null || stamps === null
        ? null
        : new ClientClaims({ nodeId: cluster.nodeId, groups: cluster.groups, stamps });
    this.broker = new Broker(
      {
        options,
        clock,
        turn,
        authenticator,
        retained,
        sessions: new MemorySessionStore(wallMs),
        stores,
        counters: this.counters,
        queuedBytes,
        ...((cluster !== null || mesh !== null) && { interest: interestSink(cluster?.ownInterest ?? null, mesh) }),
        ...(this.#claims !== null && { directory: this.#claims }),
        newClientId: () => parts.newClientId(),
        log,
        limitedLog: rateLimited(log, clock),
      },
      this.router,
    );
    const { realms, flow, clients } = this.broker;
    const origins = new OriginWindow();
    if (mesh !== null) {
      const { counters } = this;
      const elsewhere = joined?.elsewhere ?? null;
      this.#fromMesh = new FromMesh({ mesh, realms, local, flow, elsewhere, origins, counters, clock });
      mesh.takeFrames(meshFrames(this.#fromMesh, this.#beyond!));
    }
    if (cluster === null || joined === null) return;
    this.#claims?.start(clients);
    retained.onExpired = (realm, topic) => joined.retained.expired(realm, topic);
    cluster.watchInterest(new StoreInterest(realms));
    const sync = new RetainedSync({
      replica: joined.retained,
      store: retained,
      realms,
      clock,
      turn,
      links: () => cluster.links(),
    });
    this.#sync = sync;
    const { counters } = this;
    const fromPeers = new FromPeers({
      realms,
      local,
      flow,
      retained: joined.retained,
      origins,
      counters,
      clock,
    });
    cluster.takeFrames({
      onUp: (link) => {
        fromPeers.onUp(link);
        sync.onUp(link);
      },
      onControl: (link, type, buffer, start, end) => {
        if (type === FrameType.RetainedDigest) sync.onDigest(link, buffer, start, end);
      },
      onData: (...frame) => fromPeers.onData(...frame),
      onLost: () => {},
      onResumed: (link) => sync.onUp(link),
      onClosed: (link) => {
        sync.onClosed(link);
        fromPeers.onClosed(link);
      },
    });
  }

  /** What waits for nodes beyond the cluster, and what came from them twice. */
  beyond(): {
    readonly topics: number;
    readonly messages: number;
    readonly bytes: number;
    readonly duplicates: number;
  } {
    const { topics, messages, bytes } = this.#beyond?.pending ?? { topics: 0, messages: 0, bytes: 0 };
    return { topics, messages, bytes, duplicates: this.#fromMesh?.duplicates ?? 0 };
  }

  /** Topics with messages that wait until it is known who wants them beyond the cluster. */
  waiting(): readonly TopicQueueListing[] {
    return this.#beyond?.waiting() ?? [];
  }

  start(): void {
    this.#sweep = this.#parts.clock.setInterval(() => this.broker.sweep(), SWEEP_MS);
    this.#sync?.start();
  }

  /** Tells clients, and sends what is on its way to them. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.broker.drain();
    while (this.broker.connections > 0 && !deadline.aborted) {
      await new Promise<void>((resolve) => this.#parts.clock.setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  stop(): void {
    this.#sweep?.cancel();
    this.#sync?.stop();
    this.#beyond?.stop();
    this.#claims?.stop();
    this.broker.stop();
    this.broker.context.limitedLog.stop();
  }
}

function meshFrames(fromMesh: FromMesh, beyond: Beyond): MeshFrames {
  return {
    onUp: (link) => fromMesh.onUp(link),
    onData: (...frame) => fromMesh.onData(...frame),
    onLost: () => {},
    onResumed: () => {},
    onClosed: (link, _reason, unanswered) => {
      fromMesh.onClosed(link);
      beyond.onClosed(link, unanswered);
    },
  };
}

/** Each node has a `$SYS` of its own: nobody else needs to know who reads it. */
function interestSink(own: OwnInterest | null, mesh: Mesh | null): InterestSink {
  return {
    changed: (realm, filter, online, away) => {
      if (filter.startsWith('$SYS/')) return;
      own?.set(realm, filter, { online, away });
      mesh?.setInterest(realm, filter, online + away > 0);
    },
  };
}
