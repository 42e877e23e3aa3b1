import type { RealmToken } from '../../../auth/federation/federated-realm.ts';
import { createLogger } from '../../../lib/log.ts';
import { Turn } from '../../../lib/turn.ts';
import type { PeerTarget } from '../../../peer/channel.ts';
import type { LinkPoolOptions } from '../../../peer/link-pool-options.ts';
import type { Gatekeeper, Link, LinkEvents } from '../../../peer/link-ports.ts';
import { FakeAuthority, FakeRealms, type FakeTokenOptions } from '../../../testing/fake-realms.ts';
import { EventLog, type PoolNode, PoolWorld } from '../../../testing/pool-world.ts';
import { pathOfFilter } from '../../key-paths.ts';
import type { MeshLinkOptions } from '../link-options.ts';
import { LinkedPeers, type MeshPool } from '../linked-peers.ts';

/** A control frame as it came. */
export interface SeenFrame {
  readonly from: string;
  readonly to: string;
  readonly type: number;
  readonly body: Buffer;
}

export interface TestPeerOptions {
  readonly pool?: Partial<LinkPoolOptions>;
  readonly links?: Partial<MeshLinkOptions>;
  readonly realms?: FakeRealms;
}

/** A node that has links of the mesh, and a list of what it wants. */
export class TestPeer {
  readonly node: PoolNode;
  readonly realms: FakeRealms;
  readonly links: LinkedPeers;
  /** What the router would get. */
  readonly events = new EventLog();
  readonly answers: string[] = [];
  readonly remoteChanges: string[] = [];
  /** By realm and path. */
  readonly #filters = new Map<string, Set<string>>();
  gatekeeper!: Gatekeeper;
  linkEvents!: LinkEvents;

  constructor(world: MeshWorld, peerId: string, { pool: poolOptions, links, realms }: TestPeerOptions) {
    this.node = world.pools.node(peerId, poolOptions);
    this.realms = realms ?? new FakeRealms(world.clock);
    const { pool } = this.node;
    const watched: MeshPool = {
      open: (purpose, gatekeeper, events) => {
        this.gatekeeper = gatekeeper;
        this.linkEvents = events;
        pool.open(purpose, gatekeeper, seeing(events, peerId, world.frames));
      },
      getOrCreate: (purpose, target, signal) => pool.getOrCreate(purpose, target, signal),
      find: (purpose, other) => pool.find(purpose, other),
    };
    this.links = new LinkedPeers({
      nodeId: peerId,
      pool: watched,
      realms: this.realms,
      wants: { filters: (realm, path) => [...(this.#filters.get(`${realm} ${path}`) ?? [])] },
      frames: { to: this.events },
      clock: world.clock,
      turn: new Turn((run) => world.clock.setImmediate(run)),
      random: world.pools.random,
      log: createLogger({ level: 'silent' }),
      ...(links !== undefined && { options: links }),
    });
    this.links.onAnswered = (realm, path, other, ok) => this.answers.push(`${realm}${path} ${other} ${ok}`);
    this.links.onRemote = (realm) => this.remoteChanges.push(realm);
  }

  get id(): string {
    return this.node.peerId;
  }

  get target(): PeerTarget {
    return this.node.target;
  }

  want(realm: string, ...filters: string[]): void {
    for (const filter of filters) {
      const path = pathOfFilter(filter);
      const key = `${realm} ${path}`;
      this.#filters.set(key, (this.#filters.get(key) ?? new Set()).add(filter));
      this.links.changed(realm, path);
    }
  }

  unwant(realm: string, ...filters: string[]): void {
    for (const filter of filters) {
      const path = pathOfFilter(filter);
      this.#filters.get(`${realm} ${path}`)?.delete(filter);
      this.links.changed(realm, path);
    }
  }

  link(other: TestPeer): Link | null {
    return this.node.pool.find('mesh', other.id);
  }

  /** Peers that want a topic, in order. */
  match(realm: string, topic: string): string[] {
    return [...this.links.remote.match(realm, topic)].sort();
  }

  refused(reason: string): number {
    return this.links.refusals.get(reason) ?? 0;
  }
}

/** Nodes of a mesh with links only, in one virtual time. */
export class MeshWorld {
  readonly pools: PoolWorld;
  readonly frames: SeenFrame[] = [];
  readonly peers: TestPeer[] = [];
  readonly #authorities = new Map<string, FakeAuthority>();

  constructor(random?: () => number) {
    this.pools = new PoolWorld(random);
  }

  get clock() {
    return this.pools.clock;
  }

  authority(realm: string): FakeAuthority {
    let authority = this.#authorities.get(realm);
    if (authority === undefined) {
      authority = new FakeAuthority(realm, this.clock);
      this.#authorities.set(realm, authority);
    }
    return authority;
  }

  /** Without a token. */
  bare(peerId: string, options: TestPeerOptions = {}): TestPeer {
    const peer = new TestPeer(this, peerId, options);
    this.peers.push(peer);
    peer.links.start();
    return peer;
  }

  /** With a token of `r`. */
  peer(peerId: string, token: FakeTokenOptions = {}, options: TestPeerOptions = {}): TestPeer {
    const peer = this.bare(peerId, options);
    this.give(peer, 'r', token);
    return peer;
  }

  give(peer: TestPeer, realm: string, options: FakeTokenOptions = {}): RealmToken {
    const authority = this.authority(realm);
    const token = authority.issue(peer.id, options);
    peer.realms.hold(authority, token);
    return token;
  }

  /** `from` dials `to`, and both have shown their tokens. */
  async link(from: TestPeer, to: TestPeer): Promise<void> {
    const link = from.node.pool.getOrCreate('mesh', to.target);
    await this.settle();
    await link;
  }

  settle(): Promise<void> {
    return this.pools.settle();
  }

  pass(ms: number): Promise<void> {
    return this.pools.pass(ms);
  }

  /** Types of control frames in the order in which they came; `a>b 40`. */
  seen(): string[] {
    return this.frames.map(({ from, to, type }) => `${from}>${to} ${type}`);
  }

  async stop(): Promise<void> {
    for (const { links } of this.peers) links.stop();
    await this.pools.stop();
  }
}

function seeing(events: LinkEvents, to: string, frames: SeenFrame[]): LinkEvents {
  return {
    onUp: (link) => events.onUp(link),
    onControl: (link, type, buffer, start, end) => {
      frames.push({ from: link.peer.peerId, to, type, body: Buffer.from(buffer.subarray(start, end)) });
      events.onControl(link, type, buffer, start, end);
    },
    onData: (link, number, held, type, buffer, start, end) =>
      events.onData(link, number, held, type, buffer, start, end),
    onLost: (link, reason) => events.onLost(link, reason),
    onResumed: (link) => events.onResumed(link),
    onClosed: (link, reason, unanswered) => events.onClosed(link, reason, unanswered),
    onUnreachable: (target, code) => events.onUnreachable(target, code),
    onRefused: (peerId, reason, detail) => events.onRefused(peerId, reason, detail),
  };
}
