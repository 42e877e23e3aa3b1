import type { Connection, Libp2p, PeerInfo, Stream } from '@libp2p/interface';
import { PlexusError } from '@plexus/protocol';
import { createLibp2p } from 'libp2p';
import type { Clock } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import type { PeerChannel, PeerNetwork, PeerTarget } from './channel.ts';
import { ConnectionTable } from './connection-table.ts';
import { LINK_PROTOCOL } from './dial.ts';
import { dialFailure } from './dial-error.ts';
import type { Identity } from './identity.ts';
import { type DirectoryOptions, KadDirectory } from './kad-directory.ts';
import { advertised, withoutPeerId } from './libp2p-addresses.ts';
import { Libp2pChannel } from './libp2p-channel.ts';
import { Libp2pDialler } from './libp2p-dialler.ts';
import { type HostLimits, libp2pOptions, MAX_STREAMS_PER_PROTOCOL } from './libp2p-options.ts';
import { type ListenAddress, listenAddress, multiaddrsOf } from './listen-address.ts';
import { Nat, type NatOptions } from './nat.ts';
import { quicTransport } from './quic.ts';

/** For a stream on a connection that is there already; it may be dead and not know it. */
const REUSE_TIMEOUT_MS = 1000;
/** A port picked for TCP may be taken for UDP, or by another process before we have it. */
const PORT_ATTEMPTS = 5;

export interface Libp2pNetworkOptions extends HostLimits {
  readonly identity: Identity;
  /** `0.0.0.0`: all of IPv4; `::`: all of IPv6 and of IPv4. */
  readonly host: string;
  /** TCP, and UDP for QUIC. 0 picks one that is free. */
  readonly port: number;
  readonly quic: boolean;
  /** Announces the node on the local network, and hears of others. */
  readonly mdns?: boolean;
  /** Takes part in the directory of the mesh. */
  readonly directory?: DirectoryOptions;
  /** Multiaddrs to tell others instead of those on which it listens. */
  readonly announce?: readonly string[];
  /** What it does about routers that let nobody in. Default: nothing. */
  readonly nat?: NatOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

type Taker = (channel: PeerChannel) => void;

/** Peers over libp2p: TCP with Noise and Yamux, and QUIC. A channel is one stream; streams of the same two nodes share a connection. */
export class Libp2pNetwork implements PeerNetwork, LifecyclePart {
  /** null: it takes no part in it. */
  readonly directory: KadDirectory | null;
  /** null: it neither relays nor is reached over relays. */
  readonly nat: Nat | null;
  readonly #options: Libp2pNetworkOptions;
  readonly #connections: ConnectionTable;
  readonly #dialler: Libp2pDialler;
  readonly #takers = new Map<string, Taker>();
  readonly #onDiscovered = new Set<(target: PeerTarget) => void>();
  #node: Libp2p | null = null;
  #port: number;

  constructor(options: Libp2pNetworkOptions) {
    this.#options = options;
    this.#port = options.port;
    const { directory } = options;
    this.directory = directory === undefined ? null : new KadDirectory(options.identity.peerId, directory);
    const { clock, log, nat, quic, identity } = options;
    this.nat = nat === undefined ? null : new Nat({ options: nat, clock, log });
    if (directory?.mode === 'auto') this.nat?.onReachable((isReachable) => this.#setMode(isReachable));
    this.#connections = new ConnectionTable(
      clock,
      (peerId) => this.directory?.isContact(peerId) ?? false,
      (peerId) => this.nat?.isPlace(peerId) ?? false,
    );
    this.#dialler = new Libp2pDialler({ peerId: identity.peerId, quic, clock, connections: this.#connections });
  }

  get peerId(): string {
    return this.#options.identity.peerId;
  }

  /** The real one, after `start`. */
  get port(): number {
    return this.#port;
  }

  get addresses(): readonly string[] {
    const own = (this.#node?.getMultiaddrs() ?? []).map(withoutPeerId);
    return advertised([...new Set([...own, ...(this.nat?.addresses ?? [])])]);
  }

  /** @throws {PlexusError} address_in_use, address_unavailable */
  async start(): Promise<void> {
    const { host, port, quic } = this.#options;
    for (let attempt = 1; this.#node === null; attempt++) {
      const address = await listenAddress(host, port, 'peerPort');
      try {
        this.#node = await this.#listen(address, quic);
        this.#port = address.port;
      } catch (error) {
        if (port !== 0 || attempt === PORT_ATTEMPTS) throw listenError(error, address);
      }
    }
    const node = this.#node;
    node.addEventListener('connection:open', ({ detail }) => this.#connections.opened(detail));
    node.addEventListener('connection:close', ({ detail }) => this.#connections.closed(detail));
    // Else it would remember everybody who ever came.
    node.addEventListener('peer:disconnect', ({ detail }) => {
      if (this.directory?.needs(detail.toString()) !== true) node.peerStore.delete(detail).catch(() => {});
    });
    this.nat?.started(node);
    const reach = async ({ peerId, addresses }: PeerTarget, signal: AbortSignal) => {
      const known = peerId === null ? null : this.#connections.usable(peerId);
      return (known ?? (await this.#dialler.connect(node, { peerId, addresses }, signal))).remotePeer;
    };
    this.directory?.start(node, reach, () => this.addresses);
    for (const protocol of this.#takers.keys()) this.#handle(node, protocol);
  }

  async stop(): Promise<void> {
    const node = this.#node;
    this.#node = null;
    this.#connections.stop();
    this.directory?.stop();
    this.nat?.stop();
    await node?.stop();
  }

  /** Tells of nodes that multicast DNS finds; again and again of the same. @returns how to stop */
  discovered(take: (target: PeerTarget) => void): () => void {
    this.#onDiscovered.add(take);
    return () => void this.#onDiscovered.delete(take);
  }

  accept(protocol: string, take: Taker): () => void {
    if (this.#takers.has(protocol)) throw new Error(`${protocol} has a taker already`);
    this.#takers.set(protocol, take);
    if (this.#node !== null) this.#handle(this.#node, protocol);
    return () => {
      if (this.#takers.get(protocol) !== take) return;
      this.#takers.delete(protocol);
      this.#node?.unhandle(protocol).catch(() => {});
    };
  }

  async dial({ peerId, addresses }: PeerTarget, protocol: string, signal: AbortSignal): Promise<PeerChannel> {
    const known = peerId === null ? null : this.#connections.usable(peerId);
    if (known !== null) {
      const channel = await this.#reuse(known, protocol, signal);
      if (channel !== null) return channel;
    }
    const target = { peerId, addresses };
    const connection = await this.#dialler.connect(this.#node, target, signal, mayBeRelayed(protocol));
    return this.#open(connection, protocol, signal);
  }

  /** @returns null: that connection does not work */
  async #reuse(connection: Connection, protocol: string, signal: AbortSignal): Promise<PeerChannel | null> {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(REUSE_TIMEOUT_MS)]);
      return await this.#open(connection, protocol, limit);
    } catch (error) {
      if (error instanceof PlexusError && error.code === 'peer_unsupported') throw error;
      this.#connections.suspect(connection);
      return null;
    }
  }

  /** @throws {PlexusError} peer_unsupported, peer_unreachable */
  async #open(connection: Connection, protocol: string, signal: AbortSignal): Promise<PeerChannel> {
    try {
      const options = { signal, maxOutboundStreams: MAX_STREAMS_PER_PROTOCOL };
      const runOnLimitedConnection = mayBeRelayed(protocol);
      const stream = await connection.newStream(protocol, { ...options, runOnLimitedConnection });
      return this.#channel(stream, connection, 'outbound');
    } catch (error) {
      const address = withoutPeerId(connection.remoteAddr);
      const { code, reason } = dialFailure(address, error);
      const details = { peerId: connection.remotePeer.toString(), protocol, addresses: [address], reason };
      throw new PlexusError(code === 'peer_unsupported' ? code : 'peer_unreachable', details, { cause: error });
    }
  }

  #channel(stream: Stream, connection: Connection, direction: 'outbound' | 'inbound'): Libp2pChannel {
    return new Libp2pChannel(stream, connection, direction, this.#options.clock, this.#connections.take(connection));
  }

  #handle(node: Libp2p, protocol: string): void {
    const take = (stream: Stream, connection: Connection): void => {
      const taker = this.#takers.get(protocol);
      if (taker === undefined) stream.abort(new Error(`nobody takes ${protocol} any more`));
      else taker(this.#channel(stream, connection, 'inbound'));
    };
    const limits = { maxInboundStreams: MAX_STREAMS_PER_PROTOCOL, maxOutboundStreams: MAX_STREAMS_PER_PROTOCOL };
    node
      .handle(protocol, take, { ...limits, runOnLimitedConnection: mayBeRelayed(protocol) })
      .catch((error: Error) => this.#options.log.error({ err: error, protocol }, 'cannot take channels of peers'));
  }

  /** Whoever cannot be reached keeps no records for others. */
  #setMode(isReachable: boolean): void {
    const { log } = this.#options;
    const failed = (error: Error): void => log.error({ err: error }, 'cannot tell the directory who can be reached');
    this.directory?.setMode(isReachable ? 'server' : 'client').catch(failed);
  }

  #discovered({ id, multiaddrs }: PeerInfo): void {
    const target = { peerId: id.toString(), addresses: advertised(multiaddrs.map(withoutPeerId)) };
    if (target.addresses.length === 0) return;
    this.directory?.offer(target);
    for (const take of this.#onDiscovered) take(target);
  }

  async #listen(address: ListenAddress, quic: boolean): Promise<Libp2p> {
    const { identity, mdns = false, announce } = this.#options;
    const transport = quic ? await quicTransport() : null;
    const options = libp2pOptions(identity, multiaddrsOf(address, quic), transport, this.#options);
    if (announce !== undefined) options.addresses = { ...options.addresses, announce: [...announce] };
    if (mdns) options.peerDiscovery = [await multicastDns((found) => this.#discovered(found))];
    await this.directory?.extend(options);
    await this.nat?.extend(options);
    const node = (await createLibp2p({ ...options, start: false })) as unknown as Libp2p;
    try {
      await node.start();
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }
}

/** Not all that libp2p calls discovered: to it that is everybody it has heard of. */
async function multicastDns(found: (peer: PeerInfo) => void) {
  const make = (await import('@libp2p/mdns')).mdns({ serviceTag: '_plexus._udp.local' });
  return (components: Parameters<typeof make>[0]) => {
    const service = make(components);
    (service as unknown as EventTarget).addEventListener('peer', (event) =>
      found((event as CustomEvent<PeerInfo>).detail),
    );
    return service;
  };
}

/** Over a relay only links: they go on elsewhere when it cuts them off. */
function mayBeRelayed(protocol: string): boolean {
  return protocol === LINK_PROTOCOL;
}

/** libp2p puts the reasons of all addresses into one text. */
function listenError(error: unknown, { host, port }: ListenAddress): unknown {
  if (error instanceof PlexusError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const where = { host, port, key: 'peerPort' };
  if (/EADDRINUSE|in use/i.test(reason)) return new PlexusError('address_in_use', where, { cause: error });
  return new PlexusError('address_unavailable', { ...where, reason }, { cause: error });
}
