import type { AbortOptions, Connection, PeerId, Stream } from '@libp2p/interface';
import type { ConnectionManager } from '@libp2p/interface-internal';
import { lpStream } from '@libp2p/utils';
import { multiaddr } from '@multiformats/multiaddr';

export const KAD_PROTOCOL = '/plexus/kad/1';

/** Kinds of requests, in the protocol buffers of Kademlia in libp2p (specs/kad-dht, RPC messages); its fields are below. */
const ADD_PROVIDER = 2;
const PING = 5;
const TYPE = 1;
const KEY = 2;
const PROVIDERS = 9;
const PEER_ID = 1;
const PEER_ADDRESS = 2;

/** Where streams to nodes of the directory come from. */
export interface StreamSource {
  openStream(peer: PeerId, protocol: string, options: AbortOptions): ReturnType<Connection['newStream']>;
}

/**
 * As the connection manager opens them, but never at the cost of a link: of two connections with one address it closes the newer, unless each was
 * asked for by force; all those over one relay have the same, and a dial that a link has begun is shared with whoever wants the same peer.
 */
export function streamsOf(manager: Pick<ConnectionManager, 'getConnections' | 'openConnection'>): StreamSource {
  return {
    openStream: async (peer, protocol, options) => {
      const open = manager.getConnections(peer).find(({ status, limits }) => status === 'open' && limits === undefined);
      const connection = open ?? (await manager.openConnection(peer, { ...options, force: true }));
      return connection.newStream(protocol, options);
    },
  };
}

/** Whether a peer is a node of the directory, and not only somebody who asks there. Fails if it is not. */
export async function askWhetherThere(source: StreamSource, peer: PeerId, options: AbortOptions): Promise<void> {
  await exchange(source, peer, [number(TYPE, PING)], options);
}

/**
 * Has a node keep a record. There is no answer to that, so something follows that has one: nodes take the requests of a stream one
 * after the other. Fails if it was not taken.
 */
export async function askToKeep(
  source: StreamSource,
  peer: PeerId,
  record: Uint8Array,
  options: AbortOptions,
): Promise<void> {
  await exchange(source, peer, [record, number(TYPE, PING)], options);
}

/** @param multihash the key */
export function recordOf(multihash: Uint8Array, provider: PeerId, addresses: readonly string[]): Uint8Array {
  const where = addresses.map((address) => bytes(PEER_ADDRESS, multiaddr(address).bytes));
  const peer = Buffer.concat([bytes(PEER_ID, provider.toMultihash().bytes), ...where]);
  return Buffer.concat([number(TYPE, ADD_PROVIDER), bytes(KEY, multihash), bytes(PROVIDERS, peer)]);
}

/** The requests go out in one piece; the last one has an answer. */
async function exchange(
  source: StreamSource,
  peer: PeerId,
  requests: readonly Uint8Array[],
  options: AbortOptions,
): Promise<void> {
  const stream: Stream = await source.openStream(peer, KAD_PROTOCOL, options);
  try {
    const messages = lpStream(stream);
    await messages.writeV([...requests], options);
    await messages.read(options);
    stream.close(options).catch((error: Error) => stream.abort(error));
  } catch (error) {
    stream.abort(error as Error);
    throw error;
  }
}

/** Wire types 0 and 2; see protobuf.dev, Encoding. Field numbers here are below 16, kinds below 128. */
function number(field: number, value: number): Uint8Array {
  return Uint8Array.of(field << 3, value);
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  const head = [(field << 3) | 2];
  let rest = value.length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Uint8Array.of(...head, rest), value]);
}
