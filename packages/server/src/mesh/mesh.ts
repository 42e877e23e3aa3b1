import type { StampKeys } from '@plexus/protocol';
import type { FederatedRealms } from '../auth/federation/federated-realm.ts';
import type { Clock } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import type { PeerTarget } from '../peer/channel.ts';
import type { Link } from '../peer/link-ports.ts';
import { pathsOfTopic, takesPart } from './key-paths.ts';
import type { MeshFrames, MeshLinks } from './link-ports.ts';
import { Meetings, oppositeOf } from './meetings.ts';
import {
  type Advertiser,
  type KeyPath,
  type Lookups,
  type MeshKey,
  type MeshPort,
  type MeshRoute,
  NO_MESH_ROUTE,
  type PublishedTopics,
  type Speakers,
  type Wants,
} from './ports.ts';
import type { TopicLookup } from './status.ts';

/** Whoever began to take part in a realm, or no longer does. */
export interface MeshParts {
  readonly nodeId: string;
  readonly realms: FederatedRealms;
  readonly wants: Wants & {
    setLocal(realm: string, filter: string, isWanted: boolean): void;
    realmChanged(realm: string): void;
  };
  readonly speakers: Speakers & { join(realm: string): void; leave(realm: string): void };
  readonly advertiser: Advertiser & LifecyclePart;
  readonly lookups: Lookups & LifecyclePart;
  readonly published: PublishedTopics & LifecyclePart;
  readonly links: MeshLinks;
  readonly clock: Pick<Clock, 'setTimeout'>;
  /** Where the links take their messages: set by `takeFrames`. */
  readonly frames: { to: MeshFrames };
  /** Whether a node is of this node's cluster: it hears of everything anyway. */
  isMember(nodeId: string): boolean;
}

/**
 * This node in the mesh. It joins what the others do: what this cluster wants is advertised, by that of its nodes whose turn it is, and told to
 * those who publish it; what is published here is advertised too, and looked up, and whoever is found is asked what it wants exactly.
 *
 * Subscriber and publisher cannot miss each other: each looks for the other once more after its own advertisement was taken, so whichever
 * was taken later finds the one before.
 */
export class Mesh implements MeshPort, LifecyclePart {
  readonly nodeId: string;
  onRoutes: ((realm: string) => void) | null = null;
  readonly #parts: MeshParts;
  /** Realms in which this node holds a token, with the epochs under which it is found there. */
  readonly #active = new Map<string, string>();
  readonly #meetings: Meetings;
  #stopListening: (() => void) | null = null;

  constructor(parts: MeshParts) {
    this.#parts = parts;
    this.nodeId = parts.nodeId;
    const { wants, speakers, advertiser, lookups, published, links, clock } = parts;
    this.#meetings = new Meetings(lookups, (key) => advertiser.isAdvertised(key), clock);
    wants.listener = {
      onPath: (realm, path, isWanted) => this.#wanted(realm, path, isWanted),
      onFilter: (realm, path, _filter, isWanted) => this.#filterChanged(realm, path, isWanted),
    };
    speakers.onChange = (realm) => this.#speakersChanged(realm);
    advertiser.onAdvertised = (key) => this.#meetings.arrange(key);
    lookups.onFound = (key, target) => this.#found(key, target);
    lookups.onEnd = (key, failed) => {
      const { kind, realm } = key;
      this.#meetings.onEnd(key, failed);
      if (kind === 'subscriber') this.onRoutes?.(realm);
    };
    published.listener = { onPath: (realm, path, isPublished) => this.#published(realm, path, isPublished) };
    links.onAnswered = (realm, _path, peerId, ok) => {
      if (!ok) lookups.wasWrong(peerId);
      this.onRoutes?.(realm);
    };
    links.onHere = (peerId) => lookups.wasRight(peerId);
    links.onRemote = (realm) => this.onRoutes?.(realm);
  }

  start(): void {
    const { realms, advertiser, lookups, published, links } = this.#parts;
    links.start();
    advertiser.start?.();
    lookups.start?.();
    published.start?.();
    this.#stopListening = realms.onChange((realm) => this.#realmChanged(realm));
    for (const { name } of realms.list()) this.#realmChanged(name);
  }

  stop(): void {
    this.#stopListening?.();
    const { advertiser, lookups, published, links } = this.#parts;
    published.stop?.();
    this.#meetings.stop();
    lookups.stop?.();
    advertiser.stop?.();
    links.stop();
  }

  /** Once, before `start`. */
  takeFrames(frames: MeshFrames): void {
    this.#parts.frames.to = frames;
  }

  /** What sessions of this node want, as `InterestSink`. */
  setInterest(realm: string, filter: string, isWanted: boolean): void {
    this.#parts.wants.setLocal(realm, filter, isWanted);
  }

  /** This node can be reached elsewhere, or again: what it could not do before may have been its own fault, and what it has said of itself is old. */
  moved(): void {
    const { advertiser, lookups, links } = this.#parts;
    lookups.forgive();
    links.retry();
    advertiser.sayAgain();
    for (const realm of this.#active.keys()) this.onRoutes?.(realm);
  }

  isFederated(realm: string): boolean {
    return this.#active.has(realm);
  }

  stamp(realm: string, keys: StampKeys): number {
    return this.#parts.links.remote.stamp(realm, keys);
  }

  route(realm: string, topic: string): MeshRoute {
    const token = this.#active.has(realm) ? this.#parts.realms.get(realm)?.token : null;
    if (token == null || !takesPart(topic) || !token.mayPublish(topic)) return NO_MESH_ROUTE;
    this.#parts.published.touch(realm, topic);
    const isSettled = this.#settled(realm, topic);
    const peers = this.#onePerCluster(realm, topic);
    return isSettled && peers.length === 0 ? NO_MESH_ROUTE : { peers, isSettled };
  }

  link(peerId: string): Link | null {
    return this.#parts.links.link(peerId);
  }

  connect(peerId: string, done: (link: Link | null) => void): void {
    this.#parts.links.connect(peerId, done);
  }

  maySend(realm: string, peerId: string): boolean {
    return this.#parts.links.maySend(realm, peerId);
  }

  clusterOf(realm: string, peerId: string): string {
    return this.#parts.links.clusterOf(realm, peerId);
  }

  accepts(link: Link, realm: string, topic: string): boolean {
    return this.#active.has(realm) && takesPart(topic) && this.#parts.links.accepts(link, realm, topic);
  }

  /** What is known of who wants a topic, key by key; asks nobody. */
  lookup(realm: string, topic: string): TopicLookup[] {
    return pathsOfTopic(topic).map((path) => {
      const found = this.#parts.lookups.peek({ kind: 'subscriber', realm, path });
      return { path, isComplete: found?.isComplete ?? false, subscribers: [...(found?.targets.keys() ?? [])] };
    });
  }

  /** Begins to find out who wants a topic, as `route` does, but without advertising this node as its publisher. */
  seek(realm: string, topic: string): void {
    if (this.#active.has(realm) && takesPart(topic)) this.#settled(realm, topic);
  }

  /** Nobody need keep this node current under a key for the sake of a `seek`. */
  unseek(realm: string, path: KeyPath): void {
    const { published, links, lookups } = this.#parts;
    if (published.isPublished(realm, path)) return;
    links.unask(realm, path);
    lookups.forget({ kind: 'subscriber', realm, path });
  }

  /** Whether what `seek` or `route` has begun came to an end. Begins nothing. */
  isSought(realm: string, topic: string): boolean {
    const { lookups, links } = this.#parts;
    return pathsOfTopic(topic).every((path) => {
      const found = lookups.peek({ kind: 'subscriber', realm, path });
      if (found === null || !found.isComplete) return false;
      const isKnown = (peerId: string): boolean => this.#isOurs(realm, peerId) || links.isAnswered(realm, path, peerId);
      return [...found.targets.keys()].every(isKnown);
    });
  }

  /** Whom a message would go to now; begins nothing. */
  wanting(realm: string, topic: string): readonly string[] {
    return this.mayPublish(realm, topic) && takesPart(topic) ? this.#onePerCluster(realm, topic) : [];
  }

  mayPublish(realm: string, topic: string): boolean {
    return this.#parts.realms.get(realm)?.token?.mayPublish(topic) === true;
  }

  /** Whether everybody who could want the topic is known, as far as the directory is. Begins the lookups it takes. */
  #settled(realm: string, topic: string): boolean {
    const { lookups, links } = this.#parts;
    let isSettled = true;
    for (const path of pathsOfTopic(topic)) {
      const { targets, isComplete } = lookups.get({ kind: 'subscriber', realm, path });
      isSettled &&= isComplete;
      for (const target of targets.values()) {
        const peerId = target.peerId!;
        // Whoever could not be reached is left out for a while; when it is here again, it is asked again.
        if (this.#isOurs(realm, peerId) || links.hasAnswered(realm, path, peerId)) continue;
        links.ask(realm, path, target);
        isSettled = false;
      }
    }
    return isSettled;
  }

  /** Of several nodes of a cluster the one that is known for longest: so a path changes only when it has to. */
  #onePerCluster(realm: string, topic: string): string[] {
    const { links } = this.#parts;
    const peers: string[] = [];
    const clusters = new Set<string>();
    for (const peerId of links.remote.match(realm, topic)) {
      if (this.#isOurs(realm, peerId) || !links.maySend(realm, peerId)) continue;
      const cluster = links.clusterOf(realm, peerId);
      if (clusters.has(cluster)) continue;
      clusters.add(cluster);
      peers.push(peerId);
    }
    return peers;
  }

  #isOurs(realm: string, peerId: string): boolean {
    if (peerId === this.nodeId || this.#parts.isMember(peerId)) return true;
    const cluster = this.#parts.realms.get(realm)?.token?.cluster ?? null;
    return cluster !== null && this.#parts.links.clusterOf(realm, peerId) === cluster;
  }

  #found({ kind, realm, path }: MeshKey, target: PeerTarget): void {
    const { links } = this.#parts;
    if (this.#isOurs(realm, target.peerId!)) return;
    if (kind === 'subscriber') links.ask(realm, path, target);
    else links.tell(realm, path, target);
  }

  #wanted(realm: string, path: KeyPath, isWanted: boolean): void {
    const { advertiser, speakers } = this.#parts;
    const key: MeshKey = { kind: 'subscriber', realm, path };
    if (isWanted && speakers.isOurs(realm, path)) advertiser.add(key);
    else advertiser.remove(key);
  }

  #filterChanged(realm: string, path: KeyPath, isWanted: boolean): void {
    const { advertiser, speakers, links } = this.#parts;
    links.changed(realm, path);
    // Publishers without a link to this node cannot be told otherwise. Of a new key the advertiser tells when it was taken.
    if (!isWanted || !speakers.isOurs(realm, path)) return;
    if (advertiser.isAdvertised({ kind: 'subscriber', realm, path })) {
      this.#meetings.arrange({ kind: 'subscriber', realm, path });
    }
  }

  #published(realm: string, path: KeyPath, isPublished: boolean): void {
    const { advertiser, lookups, links } = this.#parts;
    const key: MeshKey = { kind: 'publisher', realm, path };
    if (isPublished) {
      advertiser.add(key);
      return;
    }
    advertiser.remove(key);
    lookups.cancel(oppositeOf(key));
    lookups.forget(oppositeOf(key));
    links.unask(realm, path);
  }

  #speakersChanged(realm: string): void {
    for (const path of this.#parts.wants.paths(realm)) this.#wanted(realm, path, true);
  }

  #realmChanged(realm: string): void {
    const { realms, wants, speakers, advertiser } = this.#parts;
    const known = realms.get(realm);
    const before = this.#active.get(realm);
    if (known === null || known.token === null) {
      this.#active.delete(realm);
      if (before !== undefined) speakers.leave(realm);
    } else {
      const epochs = known.secrets.map(({ epoch }) => epoch).join();
      this.#active.set(realm, epochs);
      if (before === undefined) speakers.join(realm);
      // Under other keys from now on.
      if (before !== epochs) advertiser.refresh(realm);
    }
    if (this.#active.has(realm) !== (before !== undefined)) wants.realmChanged(realm);
    this.onRoutes?.(realm);
  }
}
