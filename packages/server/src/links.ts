/** Links without a node around them, for the benchmark of their pool: everybody is admitted. */
import { systemClock } from './lib/clock.ts';
import { createLogger } from './lib/log.ts';
import { randomFraction } from './lib/random.ts';
import { Turn } from './lib/turn.ts';
import type { PeerTarget } from './peer/channel.ts';
import { FrameType } from './peer/frame-types.ts';
import { newIdentity } from './peer/identity.ts';
import { Libp2pNetwork } from './peer/libp2p-network.ts';
import { LinkPool } from './peer/link-pool.ts';
import { LINK_POOL_DEFAULTS } from './peer/link-pool-options.ts';
import type { Gatekeeper, LinkEvents } from './peer/link-ports.ts';

export type { PeerTarget } from './peer/channel.ts';

export interface LinksOptions {
  readonly maxLinks: number;
  /** Beside TCP, on the same port. */
  readonly quic: boolean;
  /** What came from a peer; a view. */
  readonly onMessage: (peerId: string, message: Uint8Array) => void;
}

/** The links of one end, with libp2p beneath them, on loopback. */
export interface Links {
  /** How others reach this end: over TCP, and over QUIC where it is on. */
  readonly target: PeerTarget;
  /** Those that are up or lost. */
  readonly size: number;
  readonly evictions: number;
  /** Sends over the link that is there, as a message at QoS 0. @returns false: there is none, or it takes no more */
  send(peerId: string, message: Uint8Array): boolean;
  /** Makes the link. */
  connect(target: PeerTarget): Promise<void>;
  stop(): Promise<void>;
}

const ADMITS_ALL: Gatekeeper = {
  greeting: () => Buffer.alloc(0),
  welcomes: () => null,
  prove: () => Buffer.alloc(0),
  check: () => null,
};

export async function startLinks({ maxLinks, quic, onMessage }: LinksOptions): Promise<Links> {
  const log = createLogger({ level: 'warn' });
  const network = new Libp2pNetwork({
    identity: newIdentity(),
    host: '127.0.0.1',
    port: 0,
    quic,
    maxConnections: 2 * maxLinks + 1000,
    version: '0.0.0',
    clock: systemClock,
    log,
  });
  await network.start();
  const pool = new LinkPool({
    network,
    incarnation: systemClock.wallMs(),
    clock: systemClock,
    turn: new Turn((run) => systemClock.setImmediate(run)),
    random: randomFraction,
    log,
    options: { ...LINK_POOL_DEFAULTS, maxLinks },
  });
  pool.open('mesh', ADMITS_ALL, eventsFor(onMessage));
  pool.start();
  return {
    target: { peerId: network.peerId, addresses: network.addresses },
    get size() {
      return pool.size;
    },
    get evictions() {
      return pool.counters.evictions;
    },
    send: (peerId, message) => {
      const link = pool.find('mesh', peerId);
      return link?.state === 'up' && link.loose(FrameType.Message, NO_HEAD, message, 0, message.length, 1);
    },
    connect: async (target) => void (await pool.getOrCreate('mesh', target)),
    stop: async () => {
      pool.stop();
      await network.stop();
    },
  };
}

const NO_HEAD = Buffer.alloc(0);

function eventsFor(onMessage: LinksOptions['onMessage']): LinkEvents {
  return {
    onUp() {},
    onControl() {},
    onData: (link, number, _held, _type, buffer, start, end) => {
      onMessage(link.peer.peerId, buffer.subarray(start, end));
      link.done(number, 0);
      return true;
    },
    onLost() {},
    onResumed() {},
    onClosed() {},
    onUnreachable() {},
    onRefused() {},
  };
}
