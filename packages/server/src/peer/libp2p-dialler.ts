import type { Connection, Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { Clock } from '../lib/clock.ts';
import { type PeerAddress, parsePeerAddress } from '../lib/peer-address.ts';
import type { PeerTarget } from './channel.ts';
import type { ConnectionTable } from './connection-table.ts';
import { brokeOff, type DialFailure, dialError, dialFailure } from './dial-error.ts';
import { tcpFirst } from './libp2p-addresses.ts';
import { directFirst } from './relay-race.ts';

/** For one address, while there are others to try. */
const ADDRESS_TIMEOUT_MS = 2000;
/** After a handshake was broken off: a process that is killed accepts for a moment more, and then nobody does. */
const BROKEN_OFF_PAUSE_MS = 20;

export interface DiallerSetup {
  /** Of this node. */
  readonly peerId: string;
  readonly quic: boolean;
  readonly clock: Pick<Clock, 'setTimeout'>;
  readonly connections: Pick<ConnectionTable, 'suspect'>;
}

/** One try to connect with a peer. */
interface Attempt {
  readonly node: Libp2p;
  readonly peerId: string | null;
  /** What came of the addresses so far. */
  readonly failures: DialFailure[];
}

/** Makes connections: goes through the addresses of a peer until one works, and it is that peer which answers there. */
export class Libp2pDialler {
  readonly #setup: DiallerSetup;

  constructor(setup: DiallerSetup) {
    this.#setup = setup;
  }

  /**
   * @param mayRelay whether a connection over a relay will do
   * @throws {PlexusError} `peer_refused`, `peer_unreachable`, `peer_identity`
   */
  async connect(
    node: Libp2p | null,
    { peerId, addresses }: PeerTarget,
    signal: AbortSignal,
    mayRelay = false,
  ): Promise<Connection> {
    const failures: DialFailure[] = [];
    if (node === null) throw dialError(peerId, [unusable('', 'this node is not listening')]);
    const parsed = addresses.map((text) => parsePeerAddress(text) ?? text);
    const usable = parsed.filter((address) => typeof address !== 'string').sort(tcpFirst);
    for (const text of parsed) if (typeof text === 'string') failures.push(unusable(text, 'not an address of a peer'));

    const attempt = { node, peerId, failures };
    const direct = usable.filter(({ transport }) => transport !== 'relay');
    const relayed = mayRelay ? usable.filter(({ transport }) => transport === 'relay') : [];
    const connection =
      relayed.length === 0
        ? await this.#tryAll(attempt, direct, signal)
        : await directFirst(
            (until) => this.#tryAll(attempt, direct, until),
            (until) => this.#tryAll(attempt, relayed, until),
            this.#setup.clock,
            signal,
          );
    if (connection === null) throw dialError(peerId, failures);
    return connection;
  }

  async #tryAll(attempt: Attempt, addresses: readonly PeerAddress[], signal: AbortSignal): Promise<Connection | null> {
    const refused = new Set<string>();
    for (const [index, address] of addresses.entries()) {
      const endpoint = `${address.host} ${address.port}`;
      const isLast = index === addresses.length - 1;
      const result = refused.has(endpoint)
        ? // Over UDP nobody says no: where a peer does not listen on TCP, it does not on the same port of UDP.
          { ...unusable(address.multiaddr, 'refused'), code: 'peer_refused' as const }
        : await this.#try(attempt, address, signal, isLast);
      if (!('code' in result)) return result;
      // That a relay is not there says nothing of whoever is behind it.
      const isRelay = address.transport === 'relay';
      attempt.failures.push(isRelay ? { ...result, code: 'peer_unreachable' } : result);
      if (result.code === 'peer_refused' && !isRelay) refused.add(endpoint);
      if (signal.aborted) break;
    }
    return null;
  }

  async #try(
    attempt: Attempt,
    address: PeerAddress,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<Connection | DialFailure> {
    const result = await this.#tryOnce(attempt, address, signal, isLast);
    if (!('code' in result) || !brokeOff(result) || signal.aborted) return result;
    await new Promise<void>((resolve) => this.#setup.clock.setTimeout(resolve, BROKEN_OFF_PAUSE_MS));
    return this.#tryOnce(attempt, address, signal, isLast);
  }

  async #tryOnce(
    { node, peerId }: Attempt,
    address: PeerAddress,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<Connection | DialFailure> {
    const expected = peerId ?? address.peerId;
    if (address.transport === 'quic' && !this.#setup.quic) return unusable(address.multiaddr, 'QUIC is off');
    const named = address.peerId ?? expected;
    if (named !== expected || expected === this.#setup.peerId) {
      return { ...unusable(address.multiaddr, `it is ${named}`), code: 'peer_identity', found: named };
    }
    if (address.transport === 'relay' && expected === null)
      return unusable(address.multiaddr, 'it does not say who is behind the relay');
    try {
      const limit = isLast ? signal : AbortSignal.any([signal, AbortSignal.timeout(ADDRESS_TIMEOUT_MS)]);
      // Not with the id, unless a relay has to know it: libp2p would say only in a text that it is another one.
      const text = address.transport === 'relay' ? `${address.multiaddr}/p2p/${expected}` : address.multiaddr;
      const connection = await node.dial(multiaddr(text), { force: true, signal: limit });
      const found = connection.remotePeer.toString();
      if (expected === null || found === expected) return connection;
      this.#setup.connections.suspect(connection);
      return { ...unusable(address.multiaddr, `it is ${found}`), code: 'peer_identity', found };
    } catch (error) {
      return dialFailure(address.multiaddr, error);
    }
  }
}

function unusable(address: string, reason: string): DialFailure {
  return { address, code: 'peer_unreachable', reason, found: null, cause: undefined };
}
