import { Reason, type RecentTopic } from '@plexus/protocol';
import type { BrokerCounters } from '../broker/counters.ts';
import type { LocalDelivery } from '../broker/local-delivery.ts';
import type { Message } from '../broker/message.ts';
import type { MessageRouter } from '../broker/ports.ts';
import type { PublishRun } from '../broker/publish-run.ts';
import type { Realm } from '../broker/realm.ts';
import type { RetainedStore } from '../broker/retained-store.ts';
import type { Route } from '../broker/route.ts';
import type { CommitTarget } from '../broker/session-store.ts';
import type { ShareGroup } from '../broker/share-group.ts';
import type { Stamp } from '../cluster/hybrid-clock.ts';
import type { Beyond } from './beyond.ts';
import type { Elsewhere, Spread } from './elsewhere.ts';
import { keepRetained } from './keep-retained.ts';
import type { RetainedReplica } from './retained-replica.ts';

/** What a node of a cluster has beside its own sessions. */
export interface ClusterParts {
  readonly elsewhere: Elsewhere;
  readonly retained: RetainedReplica;
}

/** The one place where a message meets everything that wants it: the retained store, the sessions of this node, the other nodes. */
export class Router implements MessageRouter {
  readonly #local: LocalDelivery;
  readonly #retained: RetainedStore;
  readonly #counters: BrokerCounters;
  readonly #cluster: ClusterParts | null;
  readonly #beyond: Beyond | null;

  /**
   * @param cluster null: the node is in none
   * @param beyond null: it takes no part in the mesh
   */
  constructor(
    local: LocalDelivery,
    retained: RetainedStore,
    counters: BrokerCounters,
    cluster: ClusterParts | null = null,
    beyond: Beyond | null = null,
  ) {
    this.#local = local;
    this.#retained = retained;
    this.#counters = counters;
    this.#cluster = cluster;
    this.#beyond = beyond;
    if (cluster !== null) cluster.elsewhere.redeliver = (...taken) => this.#redeliver(...taken);
  }

  publishRun(realm: Realm, run: PublishRun): void {
    const route = realm.route(run.topic);
    const spread = this.#cluster?.elsewhere.spread(realm, run.topic.name, route, run.count, false) ?? null;
    this.#local.deliverRun(run, route.targets, spread?.groups ?? route.groups);
    if (spread !== null) this.#cluster!.elsewhere.sendRun(realm, run, spread);
    this.#beyond?.sendRun(realm, run, route);
  }

  publish(realm: Realm, message: Message, commit: CommitTarget | null): number {
    const route = realm.route(message.topic);
    const spread = this.#cluster?.elsewhere.spread(realm, message.topic.name, route, 1, message.qos > 0) ?? null;
    const groups = spread?.groups ?? route.groups;
    if (commit !== null && !this.#admits(realm, message, route, groups)) {
      this.#counters.drop('refused', 1);
      return Reason.QuotaExceeded;
    }
    const stamp = message.retain ? this.#retain(realm, message) : null;
    let matched = this.#local.deliver(message, commit, route.targets, groups);
    if (spread !== null || stamp !== null) matched += this.#send(realm, message, spread, stamp, commit);
    matched += this.#beyond?.send(realm, message, route, commit) ?? 0;
    return matched === 0 ? Reason.NoMatchingSubscribers : Reason.Success;
  }

  isWanted(realm: Realm, topic: RecentTopic): boolean {
    const route = realm.route(topic);
    return (
      route.size > 0 ||
      (this.#cluster?.elsewhere.isWanted(realm, topic.name, route) ?? false) ||
      (this.#beyond?.isWanted(realm, topic.name, route) ?? false)
    );
  }

  hasMemberElsewhere(realm: Realm, share: string): boolean {
    return this.#cluster?.elsewhere.hasMember(realm, share) ?? false;
  }

  handOver(realm: Realm, share: string, message: Message): boolean {
    return this.#cluster?.elsewhere.handOver(realm, share, message, null) ?? false;
  }

  #send(
    realm: Realm,
    message: Message,
    spread: Spread | null,
    stamp: Stamp | null,
    commit: CommitTarget | null,
  ): number {
    return this.#cluster!.elsewhere.send(realm, message, spread, stamp, commit);
  }

  /** Asked of everything that could refuse, before anything has the message. */
  #admits(realm: Realm, message: Message, route: Route, groups: readonly ShareGroup[]): boolean {
    const retained = !message.retain || message.payloadLength === 0 || this.#retained.fits(realm.name, message);
    return (
      retained &&
      this.#local.admits(message, route.targets, groups) &&
      (this.#beyond?.admits(realm, message, route) ?? true)
    );
  }

  /** @returns the stamp under which other nodes are to know it; null for a message of this node alone */
  #retain(realm: Realm, message: Message): Stamp | null {
    const fits = keepRetained(this.#retained, realm.name, message);
    if (!fits) this.#counters.drop('retained_full', 1);
    // What is under `$` each node has of its own.
    if (this.#cluster === null || message.topic.name.startsWith('$')) return null;
    return this.#cluster.retained.published(realm.name, message, fits);
  }

  /** As `Elsewhere.redeliver`: to a member here, else to one elsewhere. */
  #redeliver(realm: Realm, share: string, message: Message, commit: CommitTarget | null, mayLeave: boolean): number {
    const group = realm.group(share);
    if (group?.hasConnected !== true && mayLeave) {
      if (this.#cluster!.elsewhere.handOver(realm, share, message, commit)) return Reason.Success;
    }
    const groups = group === null ? [] : [group];
    const isRefused = commit !== null && !this.#local.admits(message, [], groups);
    const matched = isRefused ? 0 : this.#local.deliver(message, commit, [], groups);
    // Whoever was told that it is taken cannot be told otherwise any more.
    if (isRefused || (commit === null && matched === 0)) this.#counters.drop('refused', 1);
    return isRefused ? Reason.QuotaExceeded : Reason.Success;
  }
}
