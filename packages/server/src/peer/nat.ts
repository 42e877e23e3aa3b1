import type { CircuitRelayService } from '@libp2p/circuit-relay-v2';
import type { Connection, IdentifyResult, Libp2p, PeerId, Stream, Transport } from '@libp2p/interface';
import type { AddressManager, TransportManager } from '@libp2p/interface-internal';
import { peerIdFromString } from '@libp2p/peer-id';
import { isPrivate } from '@libp2p/utils';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Libp2pOptions } from 'libp2p';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { parsePeerAddress } from '../lib/peer-address.ts';
import { randomFraction } from '../lib/random.ts';
import { advertised, transportOf, withoutPeerId } from './libp2p-addresses.ts';
import { MAX_STREAMS_PER_PROTOCOL } from './libp2p-options.ts';
import { NatEvidence, type Reachability } from './nat-evidence.ts';
import { RelayReservations } from './relay-reservations.ts';

const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop';
/** Of a place with a relay. The node that has it asks anew 5 minutes before; one that is gone takes up the place until then. */
const PLACE_VALID_MS = 30 * 60_000;
/** Connecting with a relay, and asking it. */
const RESERVE_TIMEOUT_MS = 10_000;
/** How often it is looked whether what is known of the way in has changed. */
const LOOK_MS = 1000;
/** Of this node through one relay. */
const MAX_RELAYED_ADDRESSES = 8;
/** AutoNAT need not check addresses at relays: to them the relay's word counts. */
const NO_CHECK_MS = 100 * 365 * 86_400_000;

export interface NatOptions {
  /** Takes connections for nodes that cannot be reached, and passes on what comes. */
  readonly relay: boolean;
  /** Of each connection that this node relays: bytes both ways, and how long it may last. */
  readonly relayDataBytes: number;
  readonly relayDurationMs: number;
  /** Nodes that have a place here. */
  readonly maxReservations: number;
  /** Asks the router to pass on what comes to its address. */
  readonly upnp: boolean;
  /** Whether others can open connections to this node; `auto`: AutoNAT and how peers see it decide. */
  readonly isReachable: 'auto' | 'yes' | 'no';
  /** Relays to begin with: multiaddrs with their peer ids. Others are found: whoever this node dials may be one. */
  readonly relays: readonly string[];
}

export const NAT_DEFAULTS: NatOptions = {
  relay: false,
  relayDataBytes: 1024 ** 3,
  relayDurationMs: 3_600_000,
  maxReservations: 128,
  upnp: false,
  isReachable: 'auto',
  relays: [],
};

export interface NatStatus extends Reachability {
  /** Where this node has places: peer ids. */
  readonly relays: readonly string[];
  /** Nodes that have a place here; null: it does not relay. */
  readonly reservations: number | null;
}

/** What is inside of the transport for relayed connections and not in its types. */
interface RelayTransport extends Transport {
  readonly reservationStore: PlaceStore;
  /** A relay has a connection for us. */
  onStop(stream: Stream, connection: Connection): Promise<void>;
}
interface PlaceStore extends EventTarget {
  addRelay(peerId: PeerId, type: 'configured'): Promise<Place>;
  hasReservation(peerId: PeerId): boolean;
}
interface Place {
  readonly relay: PeerId;
  readonly details: { readonly reservation: { readonly addrs: readonly Uint8Array[] } };
}
interface Components {
  readonly addressManager: AddressManager;
  readonly transportManager: TransportManager;
}

export interface NatSetup {
  readonly options: NatOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A node and the routers around it: whether it can be reached, the relays that it is reached through, and what it relays for others. */
export class Nat {
  readonly #setup: NatSetup;
  readonly #evidence: NatEvidence;
  readonly #reservations: RelayReservations;
  readonly #onChange = new Set<(isReachable: boolean) => void>();
  readonly #onMoved = new Set<() => void>();
  #node: Libp2p | null = null;
  #components: Components | null = null;
  #places: PlaceStore | null = null;
  #server: CircuitRelayService | null = null;
  #looks: Timer | null = null;
  #wasReachable = true;
  /** Addresses at relays that libp2p has been told of, to tell others. */
  #announced: readonly string[] = [];

  constructor(setup: NatSetup) {
    const { clock, options } = setup;
    this.#setup = setup;
    this.#evidence = new NatEvidence(options.isReachable);
    this.#reservations = new RelayReservations({
      clock,
      random: randomFraction,
      reserve: (peerId, addresses) => this.#reserve(peerId, addresses),
      refused: (peerId, error) => setup.log.debug({ peerId, err: error }, 'no place with a relay'),
      changed: () => this.#announce(),
    });
  }

  get status(): NatStatus {
    const relays = [...this.#reservations.held.keys()];
    return { ...this.#judge(), relays, reservations: this.#server?.reservations.size ?? null };
  }

  /** Calls when others can reach this node, or can no longer. At first they can, unless the configuration says otherwise. @returns how to stop */
  onReachable(call: (isReachable: boolean) => void): () => void {
    this.#onChange.add(call);
    return () => void this.#onChange.delete(call);
  }

  /** Calls when others can reach this node at an address at a relay that it did not have, or had lost. @returns how to stop */
  onMoved(call: () => void): () => void {
    this.#onMoved.add(call);
    return () => void this.#onMoved.delete(call);
  }

  /** Of this node at its relays. */
  get addresses(): readonly string[] {
    return this.#announced;
  }

  /** Whether one of the two has a place with the other. */
  isPlace(peerId: string): boolean {
    if (this.#reservations.held.has(peerId)) return true;
    return this.#server?.reservations.has(peerIdFromString(peerId)) ?? false;
  }

  /** Adds what a node behind a router needs, and what it needs from others. */
  async extend(options: Libp2pOptions): Promise<void> {
    const { relay, relayDataBytes, relayDurationMs, maxReservations, upnp } = this.#setup.options;
    const [relays, { autoNAT }, { dcutr }] = await Promise.all([
      import('@libp2p/circuit-relay-v2'),
      import('@libp2p/autonat'),
      import('@libp2p/dcutr'),
    ]);
    const { circuitRelayTransport, circuitRelayServer } = relays;
    const transport = {
      maxInboundStopStreams: MAX_STREAMS_PER_PROTOCOL,
      maxOutboundStopStreams: MAX_STREAMS_PER_PROTOCOL,
      // It would look for relays by itself, and its tries take the place of ours.
      discoveryFilter: { has: () => true, add() {}, remove() {} },
    };
    options.transports = [
      ...(options.transports ?? []),
      (components) => this.#transport(circuitRelayTransport(transport)(components)),
    ];
    const services: NonNullable<Libp2pOptions['services']> = {
      ...options.services,
      autonat: autoNAT({ protocolPrefix: 'plexus' }),
      dcutr: dcutr(),
      own: ((components: Components) => this.#own(components)) as never,
    };
    if (relay) {
      const server = circuitRelayServer({
        maxInboundHopStreams: MAX_STREAMS_PER_PROTOCOL,
        maxOutboundHopStreams: MAX_STREAMS_PER_PROTOCOL,
        maxOutboundStopStreams: MAX_STREAMS_PER_PROTOCOL,
        reservations: {
          maxReservations,
          reservationTtl: PLACE_VALID_MS,
          defaultDurationLimit: relayDurationMs,
          defaultDataLimit: BigInt(relayDataBytes),
        },
      });
      services.relay = ((components: never) => {
        this.#server = server(components);
        return this.#server;
      }) as never;
    }
    if (upnp) services.upnp = (await import('@libp2p/upnp-nat')).uPnPNAT() as never;
    options.services = services;
  }

  started(node: Libp2p): void {
    const { clock, options } = this.#setup;
    this.#node = node;
    this.#presume();
    node.addEventListener('peer:identify', ({ detail }) => this.#identified(detail));
    this.#places?.addEventListener('relay:removed', (event) => {
      this.#reservations.lost((event as CustomEvent<Place>).detail.relay.toString());
    });
    this.#places?.addEventListener('relay:created-reservation', (event) => {
      const { detail } = event as CustomEvent<Place>;
      this.#reservations.renewed(detail.relay.toString(), addressesThrough(detail));
    });
    for (const text of options.relays) {
      const address = parsePeerAddress(text);
      if (address?.peerId != null) this.#reservations.heardOf(address.peerId, [address.multiaddr]);
    }
    this.#look();
    this.#looks = clock.setInterval(() => this.#look(), LOOK_MS);
  }

  stop(): void {
    this.#looks?.cancel();
    this.#node = null;
    this.#reservations.stop();
  }

  #transport(made: Transport): Transport {
    const transport = made as RelayTransport;
    const places = transport.reservationStore;
    this.#places = places;
    // A relay that could not be dialled once would never be asked again. `RelayReservations` asks less and less often.
    Object.defineProperty(places, 'relayFilter', { get: () => NOBODY_BARRED, set: () => {} });
    const take = transport.onStop;
    // Else whoever says that it relays for us would become a relay of ours, and its address one that we tell others.
    transport.onStop = async (stream, connection) => {
      if (places.hasReservation(connection.remotePeer)) await take(stream, connection);
      else stream.abort(new Error('no relay of ours'));
    };
    return transport;
  }

  /** A service of libp2p that does nothing, made to get at its parts. */
  #own(components: Components): object {
    this.#components = components;
    return {};
  }

  /** libp2p tells nobody of a public address before AutoNAT has found it good, for which it needs several peers. Here it must find it bad. */
  #presume(): void {
    const { addressManager, transportManager } = this.#components!;
    for (const address of transportManager.getAddrs())
      addressManager.confirmObservedAddr(address, { type: 'transport' });
  }

  #identified({ peerId, connection, observedAddr, protocols }: IdentifyResult): void {
    if (connection.limits !== undefined || connection.direction !== 'outbound') return;
    const seen = observedAddr === undefined ? null : hostOf(observedAddr);
    const id = peerId.toString();
    const own = this.#components!.transportManager.getAddrs().map(hostOf);
    if (seen !== null) this.#evidence.seen(id, seen, own, this.#setup.clock.now());
    if (protocols.includes(HOP_PROTOCOL)) this.#reservations.heardOf(id, [withoutPeerId(connection.remoteAddr)]);
    this.#look();
  }

  #look(): void {
    const { reachable } = this.#judge();
    this.#reservations.want(!reachable);
    if (reachable === this.#wasReachable) return;
    this.#wasReachable = reachable;
    this.#setup.log.info(
      this.status,
      reachable ? 'other nodes can reach this one' : 'other nodes reach this one over relays',
    );
    for (const call of this.#onChange) call(reachable);
  }

  #judge(): Reachability {
    const all = this.#components?.addressManager.getAddressesWithMetadata() ?? [];
    const direct = all.filter(({ multiaddr: address }) => transportOf(address) !== 'relay');
    const ownPublic = direct.filter(({ type, multiaddr: address }) => type === 'transport' && !isPrivate(address));
    const verdicts = {
      announced: direct.some(({ type }) => type === 'announce'),
      forwarded: direct.some(({ type, verified }) => type !== 'transport' && type !== 'announce' && verified),
      refuted: ownPublic.length > 0 && !ownPublic.some(({ verified }) => verified),
    };
    return this.#evidence.judge(verdicts, this.#setup.clock.now(), (peerId) => this.#directTo(peerId) !== undefined);
  }

  #directTo(peerId: string): Connection | undefined {
    const open = this.#node?.getConnections(peerIdFromString(peerId)) ?? [];
    return open.find(({ limits, status }) => limits === undefined && status === 'open');
  }

  async #reserve(peerId: string, addresses: readonly string[]): Promise<readonly string[]> {
    const node = this.#node;
    if (node === null || this.#places === null) throw new Error('stopped');
    if (this.#directTo(peerId) === undefined) {
      const signal = AbortSignal.timeout(RESERVE_TIMEOUT_MS);
      await node.dial(
        addresses.map((address) => multiaddr(`${address}/p2p/${peerId}`)),
        { signal },
      );
    }
    return addressesThrough(await this.#places.addRelay(peerIdFromString(peerId), 'configured'));
  }

  /** What goes into `identify` and into the records of the directory. */
  #announce(): void {
    const manager = this.#components?.addressManager;
    if (manager === undefined) return;
    const now = [...this.#reservations.held.values()].flat();
    for (const address of this.#announced) if (!now.includes(address)) manager.removeObservedAddr(multiaddr(address));
    for (const address of now) manager.confirmObservedAddr(multiaddr(address), { type: 'observed', ttl: NO_CHECK_MS });
    const isMoved = now.some((address) => !this.#announced.includes(address));
    this.#announced = now;
    if (isMoved) for (const call of this.#onMoved) call();
  }
}

const NOBODY_BARRED = { has: () => false, add: () => {} };

function addressesThrough({ details }: Place): string[] {
  const addresses = details.reservation.addrs.map((bytes) => `${multiaddr(bytes)}/p2p-circuit`);
  return advertised(addresses).slice(0, MAX_RELAYED_ADDRESSES);
}

function hostOf(address: Multiaddr): string {
  return `${address.getComponents()[0]?.value}`;
}
