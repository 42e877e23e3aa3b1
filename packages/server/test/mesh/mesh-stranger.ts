import { randomBytes } from 'node:crypto';
import type { EpochSecret, FederatedRealms } from '../../src/auth/federation/federated-realm.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import { randomFraction } from '../../src/lib/random.ts';
import { Turn } from '../../src/lib/turn.ts';
import { MeshGatekeeper } from '../../src/mesh/links/gatekeeper.ts';
import { encodeAsk, encodeSigned, encodeWhole } from '../../src/mesh/links/link-frames.ts';
import type { PeerChannel, PeerChannelHandler } from '../../src/peer/channel.ts';
import { FrameType } from '../../src/peer/frame-types.ts';
import { newIdentity } from '../../src/peer/identity.ts';
import { Libp2pNetwork, type Libp2pNetworkOptions } from '../../src/peer/libp2p-network.ts';
import { LinkPool } from '../../src/peer/link-pool.ts';
import { LINK_POOL_DEFAULTS } from '../../src/peer/link-pool-options.ts';
import type { Gatekeeper, Link, LinkEvents } from '../../src/peer/link-ports.ts';
import { integerSize, textSize, writeInteger, writeText } from '../../src/peer/wire-bytes.ts';
import type { MeshNode } from './mesh-node.ts';

const MAX_CONNECTIONS = 100;
const NO_BYTES = new Uint8Array(0);
/** Bits of a Message frame: docs/wire.md §13. */
const PLAIN = 8;

export interface StrangerOptions {
  /** What it has of a realm. null: nothing, and it says that all is well all the same. */
  readonly secrets: readonly { readonly realm: string; readonly secrets: readonly EpochSecret[] }[] | null;
  /** Nodes of the directory that it joins. None: it does not take part in it. */
  readonly join?: readonly MeshNode[];
  /** Multiaddrs that it says it has. */
  readonly announce?: readonly string[];
}

/** What came over a link. */
export interface ReceivedFrame {
  readonly type: number;
  readonly body: Buffer;
}

/**
 * A node of the mesh that is made by hand: it speaks the wire protocol of docs/wire.md §15 over libp2p as real ones do, says over its links
 * whatever a test wants, and keeps every byte that it gets.
 */
export class MeshStranger implements AsyncDisposable {
  readonly network: Libp2pNetwork;
  readonly pool: LinkPool;
  /** Frames of users of links; not those of the links themselves. */
  readonly frames: ReceivedFrame[] = [];
  /** Why links have ended. */
  readonly closed: string[] = [];
  /** Reasons in answers to what it sent at QoS 1, by number. */
  readonly answers = new Map<number, number>();
  readonly #channels: PeerChannel[] = [];
  readonly #bytes: Buffer[] = [];
  #sequence = 0;

  private constructor(network: Libp2pNetwork, { secrets }: StrangerOptions) {
    this.network = network;
    const watched = {
      peerId: network.peerId,
      get addresses() {
        return network.addresses;
      },
      dial: async (...target: Parameters<Libp2pNetwork['dial']>) => this.#watch(await network.dial(...target)),
      accept: (protocol: string, take: (channel: PeerChannel) => void) =>
        network.accept(protocol, (channel) => take(this.#watch(channel))),
    };
    this.pool = new LinkPool({
      network: watched,
      incarnation: Date.now(),
      clock: systemClock,
      turn: new Turn((run) => systemClock.setImmediate(run)),
      random: randomFraction,
      log: createLogger({ level: 'silent' }),
      options: LINK_POOL_DEFAULTS,
    });
    const gatekeeper = secrets === null ? LIAR : new MeshGatekeeper(network.peerId, realmsOf(secrets));
    this.pool.open('mesh', gatekeeper, this.#events());
    this.pool.start();
  }

  static async open(options: StrangerOptions): Promise<MeshStranger> {
    const { join = [], announce } = options;
    const directory: Partial<Libp2pNetworkOptions> =
      join.length === 0
        ? {}
        : {
            directory: {
              // It keeps nothing for others, and so is in nobody's routing table.
              mode: 'client',
              bootstrap: join.map(({ address }) => address),
              clock: systemClock,
              random: randomFraction,
            },
          };
    const network = new Libp2pNetwork({
      identity: newIdentity(),
      host: '127.0.0.1',
      port: 0,
      quic: false,
      maxConnections: MAX_CONNECTIONS,
      version: '0.0.0',
      clock: systemClock,
      log: createLogger({ level: 'silent' }),
      ...directory,
      ...(announce !== undefined && { announce }),
    });
    await network.start();
    return new MeshStranger(network, options);
  }

  get peerId(): string {
    return this.network.peerId;
  }

  /** Everything that came over its channels, decrypted. */
  get bytes(): Buffer {
    return Buffer.concat(this.#bytes);
  }

  /** @throws {PlexusError} it was not admitted */
  link(node: MeshNode): Promise<Link> {
    const addresses = [`/ip4/127.0.0.1/tcp/${node.peerPort}`];
    return this.pool.getOrCreate('mesh', { peerId: node.nodeId, addresses });
  }

  /** Bytes that need not be frames, on the newest channel. */
  raw(bytes: Uint8Array): void {
    this.#channels.at(-1)!.write(bytes);
  }

  token(link: Link, realm: string, token: Uint8Array): void {
    link.control(FrameType.MeshToken, encodeSigned(realm, token));
  }

  revocations(link: Link, realm: string, list: Uint8Array): void {
    link.control(FrameType.MeshRevocations, encodeSigned(realm, list));
  }

  /** That it publishes under these keys, and wants to know who wants it. */
  ask(link: Link, realm: string, paths: readonly string[]): void {
    for (const frame of encodeAsk(realm, true, true, paths)) link.control(FrameType.MeshAsk, frame);
  }

  /** That it has these filters. */
  wants(link: Link, realm: string, path: string, filters: readonly string[]): void {
    for (const frame of encodeWhole(realm, path, filters)) link.control(FrameType.MeshFilters, frame);
  }

  /** At QoS 1. @returns its number, for `answers` */
  publish(link: Link, realm: string, topic: string, payload: string): number {
    const number = ++this.#sequence;
    const meet = (_slot: number, reason = 0): void => void this.answers.set(number, reason);
    link.held(FrameType.Message, messageBody(realm, topic, number, payload), NO_BYTES, { meet }, 0);
    return number;
  }

  /** @returns the texts of messages that came to it */
  messages(): string[] {
    const isMessage = ({ type }: ReceivedFrame): boolean => type === FrameType.Message || type === FrameType.Run;
    return this.frames.filter(isMessage).map(({ body }) => body.toString('latin1'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pool.stop();
    await this.network.stop();
  }

  #events(): LinkEvents {
    const keep = (type: number, buffer: Uint8Array, start: number, end: number): void => {
      this.frames.push({ type, body: Buffer.from(buffer.subarray(start, end)) });
    };
    return {
      onUp() {},
      onControl: (_link, type, buffer, start, end) => keep(type, buffer, start, end),
      onData: (link, number, _held, type, buffer, start, end) => {
        keep(type, buffer, start, end);
        link.done(number, 0);
        return true;
      },
      onLost() {},
      onResumed() {},
      onClosed: (_link, reason) => void this.closed.push(reason),
      onUnreachable() {},
      onRefused: (_peerId, reason) => void this.closed.push(reason),
    };
  }

  #watch(channel: PeerChannel): PeerChannel {
    this.#channels.push(channel);
    const inherited = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(channel), 'handler')!;
    const heard = (inner: PeerChannelHandler): PeerChannelHandler => ({
      onData: (chunk) => {
        this.#bytes.push(Buffer.from(chunk));
        inner.onData(chunk);
      },
      onDrain: () => inner.onDrain(),
      onClosed: (error) => inner.onClosed(error),
    });
    Object.defineProperty(channel, 'handler', {
      get: () => inherited.get!.call(channel),
      set: (inner: PeerChannelHandler | null) => inherited.set!.call(channel, inner && heard(inner)),
    });
    return channel;
  }
}

/** Knows nothing, and says what the shapes allow. */
const LIAR: Gatekeeper = {
  greeting: () => randomBytes(32),
  welcomes: () => null,
  prove: () => randomBytes(48),
  check: () => null,
};

function realmsOf(known: NonNullable<StrangerOptions['secrets']>): FederatedRealms {
  // The gatekeeper looks at nothing else.
  const list = known.map(({ realm, secrets }) => ({ name: realm, token: {}, secrets }));
  return { list: () => list } as unknown as FederatedRealms;
}

/** docs/wire.md §13, for a message without properties at QoS 1. */
function messageBody(realm: string, topic: string, sequence: number, payload: string): Buffer {
  const text = Buffer.from(payload);
  const head = 1 + integerSize(sequence) + integerSize(0) + textSize(realm) + textSize(topic) + integerSize(0);
  const out = Buffer.alloc(head + text.length);
  out[0] = 1 | PLAIN;
  let at = writeInteger(out, 1, sequence);
  at = writeInteger(out, at, 0);
  at = writeText(out, writeText(out, at, realm), topic);
  out.set(text, writeInteger(out, at, 0));
  return out;
}
