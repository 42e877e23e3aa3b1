import type { Connection, Libp2p, PeerInfo, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { PlexusError } from '@plexus/protocol';
import { createLibp2p } from 'libp2p';
import type { Clock } from '../lib/clock.ts';
import type { LifecyclePart } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import { type PeerAddress, parsePeerAddress } from '../lib/peer-address.ts';
import type { PeerChannel, PeerNetwork, PeerTarget } from './channel.ts';
import { ConnectionTable } from './connection-table.ts';
import { brokeOff, type DialFailure, dialError, dialFailure } from './dial-error.ts';
import type { Identity } from './identity.ts';
import { advertised, tcpFirst, withoutPeerId } from './libp2p-addresses.ts';
import { Libp2pChannel } from './libp2p-channel.ts';
import { type HostLimits, libp2pOptions, MAX_STREAMS_PER_PROTOCOL } from './libp2p-options.ts';
import { type ListenAddress, listenAddress, multiaddrsOf } from './listen-address.ts';
import { quicTransport } from './quic.ts';

/** For one address, while there are others to try. */
const ADDRESS_TIMEOUT_MS = 2000;
/** For a stream on a connection that is there already; it may be dead and not know it. */
const REUSE_TIMEOUT_MS = 1000;
/** After a handshake was broken off: a process that is killed accepts for a moment more, and then nobody does. */
const BROKEN_OFF_PAUSE_MS = 20;
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
  readonly clock: Pick<Clock, 'setTimeout'>;
  readonly log: Logger;
}

type Taker = (channel: PeerChannel) => void;

/** Peers over libp2p: TCP with Noise and Yamux, and QUIC. A channel is one stream; streams of the same two nodes share a connection. */
export class Libp2pNetwork implements PeerNetwork, LifecyclePart {
  readonly #options: Libp2pNetworkOptions;
  readonly #connections: ConnectionTable;
  readonly #takers = new Map<string, Taker>();
  readonly #onDiscovered = new Set<(target: PeerTarget) => void>();
  #node: Libp2p | null = null;
  #port: number;

  constructor(options: Libp2pNetworkOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#connections = new ConnectionTable(options.clock);
  }

  get peerId(): string {
    return this.#options.identity.peerId;
  }

  /** The real one, after `start`. */
  get port(): number {
    return this.#port;
  }

  get addresses(): readonly string[] {
    return advertised((this.#node?.getMultiaddrs() ?? []).map(withoutPeerId));
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
    node.addEventListener('peer:disconnect', ({ detail }) => void node.peerStore.delete(detail).catch(() => {}));
    node.addEventListener('peer:discovery', ({ detail }) => this.#discovered(detail));
    for (const protocol of this.#takers.keys()) this.#handle(node, protocol);
  }

  async stop(): Promise<void> {
    const node = this.#node;
    this.#node = null;
    this.#connections.stop();
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
    const connection = await this.#connect(peerId, addresses, signal);
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
      const stream = await connection.newStream(protocol, { signal, maxOutboundStreams: MAX_STREAMS_PER_PROTOCOL });
      return this.#channel(stream, connection, 'outbound');
    } catch (error) {
      const address = withoutPeerId(connection.remoteAddr);
      const { code, reason } = dialFailure(address, error);
      const details = { peerId: connection.remotePeer.toString(), protocol, addresses: [address], reason };
      throw new PlexusError(code === 'peer_unsupported' ? code : 'peer_unreachable', details, { cause: error });
    }
  }

  async #connect(peerId: string | null, addresses: readonly string[], signal: AbortSignal): Promise<Connection> {
    const node = this.#node;
    const failures: DialFailure[] = [];
    if (node === null) throw dialError(peerId, [unusable('', 'this node is not listening')]);
    const parsed = addresses.map((text) => parsePeerAddress(text) ?? text);
    const usable = parsed.filter((address) => typeof address !== 'string').sort(tcpFirst);
    for (const text of parsed) if (typeof text === 'string') failures.push(unusable(text, 'not an address of a peer'));

    const refused = new Set<string>();
    for (const [index, address] of usable.entries()) {
      const endpoint = `${address.host} ${address.port}`;
      const isLast = index === usable.length - 1;
      const result = refused.has(endpoint)
        ? // Over UDP nobody says no: where a peer does not listen on TCP, it does not on the same port of UDP.
          { ...unusable(address.multiaddr, 'refused'), code: 'peer_refused' as const }
        : await this.#try(node, address, peerId, signal, isLast);
      if (!('code' in result)) return result;
      failures.push(result);
      if (result.code === 'peer_refused') refused.add(endpoint);
      if (signal.aborted) break;
    }
    throw dialError(peerId, failures);
  }

  async #try(
    node: Libp2p,
    address: PeerAddress,
    peerId: string | null,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<Connection | DialFailure> {
    const result = await this.#tryOnce(node, address, peerId, signal, isLast);
    if (!('code' in result) || !brokeOff(result) || signal.aborted) return result;
    await new Promise<void>((resolve) => this.#options.clock.setTimeout(resolve, BROKEN_OFF_PAUSE_MS));
    return this.#tryOnce(node, address, peerId, signal, isLast);
  }

  async #tryOnce(
    node: Libp2p,
    address: PeerAddress,
    peerId: string | null,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<Connection | DialFailure> {
    const expected = peerId ?? address.peerId;
    if (address.transport === 'quic' && !this.#options.quic) return unusable(address.multiaddr, 'QUIC is off');
    const named = address.peerId ?? expected;
    if (named !== expected || expected === this.peerId) {
      return { ...unusable(address.multiaddr, `it is ${named}`), code: 'peer_identity', found: named };
    }
    try {
      const limit = isLast ? signal : AbortSignal.any([signal, AbortSignal.timeout(ADDRESS_TIMEOUT_MS)]);
      // Not with the id: libp2p would say only in a text that it is another one.
      const connection = await node.dial(multiaddr(address.multiaddr), { force: true, signal: limit });
      const found = connection.remotePeer.toString();
      if (expected === null || found === expected) return connection;
      this.#connections.suspect(connection);
      return { ...unusable(address.multiaddr, `it is ${found}`), code: 'peer_identity', found };
    } catch (error) {
      return dialFailure(address.multiaddr, error);
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
      .handle(protocol, take, limits)
      .catch((error: Error) => this.#options.log.error({ err: error, protocol }, 'cannot take channels of peers'));
  }

  #discovered({ id, multiaddrs }: PeerInfo): void {
    const target = { peerId: id.toString(), addresses: advertised(multiaddrs.map(withoutPeerId)) };
    if (target.addresses.length > 0) for (const take of this.#onDiscovered) take(target);
  }

  async #listen(address: ListenAddress, quic: boolean): Promise<Libp2p> {
    const { identity, mdns = false } = this.#options;
    const transport = quic ? await quicTransport() : null;
    const options = libp2pOptions(identity, multiaddrsOf(address, quic), transport, this.#options);
    if (mdns) options.peerDiscovery = [(await import('@libp2p/mdns')).mdns({ serviceTag: '_plexus._udp.local' })];
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

function unusable(address: string, reason: string): DialFailure {
  return { address, code: 'peer_unreachable', reason, found: null, cause: undefined };
}

/** libp2p puts the reasons of all addresses into one text. */
function listenError(error: unknown, { host, port }: ListenAddress): unknown {
  if (error instanceof PlexusError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const where = { host, port, key: 'peerPort' };
  if (/EADDRINUSE|in use/i.test(reason)) return new PlexusError('address_in_use', where, { cause: error });
  return new PlexusError('address_unavailable', { ...where, reason }, { cause: error });
}
