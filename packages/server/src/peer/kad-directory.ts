import type { Libp2p, PeerId, PeerInfo } from '@libp2p/interface';
import type { QueryEvent } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import { PlexusError } from '@plexus/protocol';
import { Key } from 'interface-datastore';
import type { Libp2pOptions } from 'libp2p';
import { CID } from 'multiformats/cid';
import * as Digest from 'multiformats/hashes/digest';
import type { Clock, Timer } from '../lib/clock.ts';
import { Bootstrap } from './bootstrap.ts';
import type { PeerTarget } from './channel.ts';
import type { Directory, DirectoryKey, DirectoryStatus } from './directory.ts';
import { askToKeep, recordOf } from './kad-requests.ts';
import { type KadInside, kadService } from './kad-service.ts';
import { advertised, withoutPeerId } from './libp2p-addresses.ts';
import { PEER_ENTRY_LIMITS, PeerEntries } from './peer-entries.ts';
import { RECORD_LIMITS, type RecordLimits, RecordStore } from './record-store.ts';
import { type Resolver, systemResolver } from './resolver.ts';

export interface DirectoryOptions {
  /** `auto`: a server, until `setMode` says otherwise: whoever finds out that nobody can reach this node. */
  readonly mode: 'server' | 'client' | 'auto';
  /** Where to join: multiaddrs, `host:port`, names. None: others join here. */
  readonly bootstrap: readonly string[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly resolver?: Resolver;
  readonly limits?: RecordLimits;
}

/** Codes of multiformats: bytes as they are, and SHA2-256. The keys are no hashes of anything, but look like them. */
const RAW = 0x55;
const SHA2_256 = 0x12;
const KEY_BYTES = 32;
/** How often what has expired is forgotten. */
const CLEAN_UP_MS = 60_000;
/** Told of at most, in one look: a single node can make up any number. */
const MAX_FOUND = 1000;
/** Of these, told of at once from a single answer; the rest of it has to wait for what the other nodes know. */
const MAX_OF_ANSWER = 250;
/** Looked at, of one peer. */
const MAX_ADDRESSES = 32;
/** What the nodes get that are asked to keep a record. */
const KEEP_TIMEOUT_MS = 5000;
/** What a look at the own neighbourhood may take. */
const LOOK_AROUND_MS = 10_000;
/** In a row, of a contact that is connected: it may only be slow. One that is not connected is dropped at the first. */
const MAX_FAILURES = 3;
/** Errors that do not say that a node is gone: we ask too much at once, or have stopped asking. */
const NOT_GONE = new Set(['AbortError', 'TooManyOutboundProtocolStreamsError', 'TooManyInboundProtocolStreamsError']);

type Reach = (target: PeerTarget, signal: AbortSignal) => Promise<PeerId>;

/** A node as the directory needs it. */
type Host = Pick<Libp2p, 'peerId' | 'peerStore' | 'getConnections'>;

/**
 * The directory of a node: a Kademlia DHT over its libp2p host.
 *
 * `find` asks all of the nodes next to a key, and does not end with the first few records, as `findProviders` of kad-dht would: a single
 * node that makes up records could hide all others. `provide` counts the nodes that have taken the record, not those that were sent it:
 * whoever looks after that finds it.
 */
export class KadDirectory implements Directory {
  readonly records: RecordStore;
  readonly peers: PeerEntries;
  /** Looks that ended because too many were found. */
  overfull = 0;
  /** Contacts that were dropped because they did not answer. */
  dropped = 0;
  /** Requests of looks and advertisements, without those that ask nodes to keep a record. */
  readonly requests = { answered: 0, failed: 0 };
  readonly #options: DirectoryOptions;
  readonly #self: string;
  readonly #bootstrap: Bootstrap;
  /** Of the routing table, by id. */
  readonly #contacts = new Set<string>();
  /** Of contacts: how often in a row they have not answered. */
  readonly #failures = new Map<string, number>();
  #mode: 'server' | 'client';
  #kad: KadInside | null = null;
  #messageType: string | null = null;
  #host: Host | null = null;
  #reach: Reach | null = null;
  #addresses: () => readonly string[] = () => [];
  #cleanUp: Timer | null = null;

  constructor(self: string, options: DirectoryOptions) {
    this.#options = options;
    this.#self = self;
    this.#mode = options.mode === 'client' ? 'client' : 'server';
    this.records = new RecordStore(self, options.clock, options.limits ?? RECORD_LIMITS);
    this.records.onPeerGone = (peerId) => this.#forget(peerId);
    this.peers = new PeerEntries(entryKey(peerIdFromString(self)).toString(), PEER_ENTRY_LIMITS);
    this.#bootstrap = new Bootstrap({
      join: options.bootstrap,
      resolver: options.resolver ?? systemResolver,
      clock: options.clock,
      random: options.random,
      contacts: () => this.#contacts.size,
      isContact: (peerId) => this.#contacts.has(peerId),
      reach: (target, signal) => this.#join(target, signal),
    });
  }

  /** Adds what libp2p needs for it. */
  async extend(options: Libp2pOptions): Promise<void> {
    const { MessageType } = await import('@libp2p/kad-dht');
    this.#messageType = MessageType.GET_PROVIDERS;
    const kad = await kadService({
      isServer: this.#mode === 'server',
      records: this.records,
      isKnown: (peer) => this.peers.has(entryKey(peer)),
      made: (made) => this.#made(made),
      now: () => this.#options.clock.now(),
    });
    options.datastore = this.peers;
    options.services = { ...options.services, kad: kad as never };
  }

  /**
   * @param reach dials a node, and says who it is
   * @param addresses where others find this node
   */
  start(host: Host, reach: Reach, addresses: () => readonly string[]): void {
    this.#host = host;
    this.#reach = reach;
    this.#addresses = addresses;
    this.#cleanUp = this.#options.clock.setInterval(() => this.records.expire(), CLEAN_UP_MS);
    this.#bootstrap.start();
  }

  stop(): void {
    this.#bootstrap.stop();
    this.#cleanUp?.cancel();
    this.#cleanUp = null;
    this.#host = null;
    this.#kad = null;
    this.#contacts.clear();
    this.#failures.clear();
  }

  /** A node that may be of the directory: mDNS has found it. */
  offer(target: PeerTarget): void {
    this.#bootstrap.offer(target);
  }

  async setMode(mode: 'server' | 'client'): Promise<void> {
    this.#mode = mode;
    await this.#kad?.setMode(mode);
  }

  /** Whether the addresses of a peer are needed, though there is no connection to it. */
  needs(peerId: string): boolean {
    return this.#contacts.has(peerId) || this.records.hasPeer(peerId);
  }

  /** Whether it will be asked again, and a connection to it is worth keeping. */
  isContact(peerId: string): boolean {
    return this.#contacts.has(peerId);
  }

  status(): DirectoryStatus {
    return { mode: this.#mode, peers: this.#contacts.size, records: this.records.size };
  }

  async provide(key: DirectoryKey, signal: AbortSignal): Promise<number> {
    const kad = this.#joined(signal);
    const { multihash } = cidOf(key);
    const nearest: PeerId[] = [];
    await this.#run(kad.getClosestPeers(multihash.bytes, { signal }), signal, (event) => {
      if (event.name === 'FINAL_PEER') nearest.push(event.peer.id);
      return true;
    });
    const { connectionManager, peerId } = kad.components;
    const record = recordOf(multihash.bytes, peerId, this.#addresses());
    const limit = AbortSignal.any([signal, AbortSignal.timeout(KEEP_TIMEOUT_MS)]);
    const asked = await Promise.allSettled(
      nearest.map((peer) => askToKeep(connectionManager, peer, record, { signal: limit })),
    );
    signal.throwIfAborted();
    const taken = asked.filter(({ status }) => status === 'fulfilled').length;
    if (taken === 0) throw unreachable('no node has taken it');
    return taken;
  }

  async find(key: DirectoryKey, found: (target: PeerTarget) => void, signal: AbortSignal): Promise<void> {
    const kad = this.#joined(signal);
    const cid = cidOf(key);
    const known = new Set([this.#self]);
    const tell = (peer: PeerInfo): void => {
      const target = targetOf(peer);
      if (signal.aborted || known.has(target.peerId) || target.addresses.length === 0) return;
      known.add(target.peerId);
      found(target);
    };
    // This node may be among those next to the key.
    for (const peer of await this.#ownRecords(kad, cid)) tell(peer);
    signal.throwIfAborted();
    const message = { type: this.#messageType, key: cid.multihash.bytes };
    const query = kad.queryManager.run(
      cid.multihash.bytes,
      (step) => kad.network.sendRequest(step.peer.id, message, { signal: step.signal, path: step.path }),
      { signal },
    );
    let answers = 0;
    const left: PeerInfo[][] = [];
    await this.#run(query, signal, (event) => {
      if (event.name !== 'PEER_RESPONSE') return true;
      answers++;
      const { providers } = event;
      for (const peer of providers.slice(0, MAX_OF_ANSWER)) if (known.size <= MAX_FOUND) tell(peer);
      if (providers.length > MAX_OF_ANSWER) left.push(providers.slice(MAX_OF_ANSWER, MAX_FOUND));
      return known.size <= MAX_FOUND;
    });
    for (const peer of inTurns(left)) if (known.size <= MAX_FOUND) tell(peer);
    if (known.size > MAX_FOUND) this.overfull++;
    if (answers === 0) throw unreachable('no node has answered');
  }

  /** @throws {PlexusError} directory_unreachable: there is nobody to ask; else kad-dht would wait until there is */
  #joined(signal: AbortSignal): KadInside {
    signal.throwIfAborted();
    if (this.#kad === null || this.#host === null) throw unreachable('this node is not listening');
    if (this.#contacts.size === 0) throw unreachable('no node of it is known');
    return this.#kad;
  }

  /** @param each says whether to go on */
  async #run(
    events: AsyncIterable<QueryEvent>,
    signal: AbortSignal,
    each: (event: QueryEvent) => boolean,
  ): Promise<void> {
    try {
      for await (const event of events) {
        if (event.name === 'QUERY_ERROR' && !signal.aborted) this.#failed(event.from, event.error);
        else if (event.name === 'PEER_RESPONSE') this.#answered(event.from);
        if (!each(event)) return;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(error instanceof Error ? error.message : String(error), error);
    }
    signal.throwIfAborted();
  }

  #answered(peer: PeerId): void {
    this.requests.answered++;
    if (this.#failures.size > 0) this.#failures.delete(peer.toString());
  }

  /** It stays out until others name it and it answers: kad-dht by itself drops nobody while there is room. */
  #failed(peer: PeerId, error: Error): void {
    this.requests.failed++;
    const peerId = peer.toString();
    if (NOT_GONE.has(error.name) || !this.#contacts.has(peerId)) return;
    const isConnected = (this.#host?.getConnections(peer).length ?? 0) > 0;
    const failures = (this.#failures.get(peerId) ?? 0) + 1;
    this.#failures.set(peerId, failures);
    if (isConnected && failures < MAX_FAILURES) return;
    this.#contacts.delete(peerId);
    this.#failures.delete(peerId);
    this.dropped++;
    this.#kad?.routingTable.remove(peer).catch(() => {});
  }

  async #ownRecords(kad: KadInside, cid: CID): Promise<PeerInfo[]> {
    const known = this.records.peersUnder(cid.multihash.bytes).map((peerId) => peerIdFromString(peerId));
    return Promise.all(known.map((peer) => kad.components.peerStore.getInfo(peer)));
  }

  #made(kad: KadInside): void {
    this.#kad = kad;
    this.#contacts.clear();
    const table = kad.routingTable;
    table.addEventListener('peer:add', (event) => {
      this.#contacts.add((event as CustomEvent<PeerId>).detail.toString());
    });
    table.addEventListener('peer:remove', (event) => {
      if (this.#kad !== kad) return;
      const peerId = (event as CustomEvent<PeerId>).detail.toString();
      this.#contacts.delete(peerId);
      this.#failures.delete(peerId);
      void this.#lost(peerId);
    });
  }

  /** It may come back. */
  async #lost(peerId: string): Promise<void> {
    const peer = await this.#kad?.components.peerStore.getInfo(peerIdFromString(peerId)).catch(() => null);
    if (peer !== null && peer !== undefined) this.#bootstrap.offer(targetOf(peer));
    this.#forget(peerId);
    if (this.#contacts.size === 0) this.#bootstrap.hurry();
  }

  async #join(target: PeerTarget, signal: AbortSignal): Promise<string | null> {
    const kad = this.#kad;
    const wasAlone = this.#contacts.size === 0;
    try {
      const peer = await this.#reach!(target, signal);
      await kad?.routingTable.add(peer, { signal }).catch(() => {});
      if (wasAlone && this.#contacts.size > 0) this.#lookAround();
      return peer.toString();
    } catch {
      return null;
    }
  }

  /** Gets to know the nodes next to this one; they get to know it. */
  #lookAround(): void {
    const limit = new AbortController();
    const timer = this.#options.clock.setTimeout(() => limit.abort(), LOOK_AROUND_MS);
    const { multihash } = peerIdFromString(this.#self).toCID();
    const events = this.#kad!.getClosestPeers(multihash.bytes, { signal: limit.signal });
    void this.#run(events, limit.signal, () => true)
      .catch(() => {})
      .then(() => timer.cancel());
  }

  /** Of nobody who is not needed anything is remembered. */
  #forget(peerId: string): void {
    const host = this.#host;
    if (host === null || this.needs(peerId)) return;
    const peer = peerIdFromString(peerId);
    if (host.getConnections(peer).length === 0) host.peerStore.delete(peer).catch(() => {});
  }
}

function cidOf(key: DirectoryKey): CID {
  if (key.length !== KEY_BYTES) throw new TypeError(`a key of the directory has ${KEY_BYTES} bytes`);
  return CID.createV1(RAW, Digest.create(SHA2_256, key));
}

/** A peer store has the same address with and without the id. */
function targetOf({ id, multiaddrs }: PeerInfo): { peerId: string; addresses: string[] } {
  const addresses = new Set(multiaddrs.slice(0, MAX_ADDRESSES).map(withoutPeerId));
  return { peerId: id.toString(), addresses: advertised([...addresses]) };
}

/** The first of each, then the second of each, and so on. */
function* inTurns<T>(lists: readonly (readonly T[])[]): Generator<T> {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  for (let i = 0; i < longest; i++) for (const list of lists) if (i < list.length) yield list[i]!;
}

function unreachable(reason: string, cause?: unknown): PlexusError {
  return new PlexusError('directory_unreachable', { reason }, { cause });
}

/** As the peer store names its entries. */
function entryKey(peer: PeerId): Key {
  return new Key(`/peers/${peer.toCID().toString()}`);
}
