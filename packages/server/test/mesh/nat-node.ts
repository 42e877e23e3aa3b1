/**
 * A node as far as links go: a program, to be run on a host of a NatLab. Its first argument is `NatNodeOptions` as JSON; then it reads a
 * command per line, and writes an answer per line.
 */
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/lib/clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import { randomFraction } from '../../src/lib/random.ts';
import { Turn } from '../../src/lib/turn.ts';
import { newIdentity } from '../../src/peer/identity.ts';
import { Libp2pNetwork } from '../../src/peer/libp2p-network.ts';
import { LinkPool } from '../../src/peer/link-pool.ts';
import { LINK_POOL_DEFAULTS } from '../../src/peer/link-pool-options.ts';
import type { Gatekeeper, Link, LinkEvents } from '../../src/peer/link-ports.ts';
import { NAT_DEFAULTS } from '../../src/peer/nat.ts';
import type { NatNodeAnswer, NatNodeCommand, NatNodeOptions, Stream } from './nat-process.ts';

const LOOSE = 65;
const HELD = 64;
/** One frame in so many is held. */
const HELD_EVERY = 5;
const NO_HEAD = new Uint8Array(0);

const { port, nat, publicAddresses, directFirstMs } = JSON.parse(process.argv[2]!) as NatNodeOptions;
const log = createLogger({ level: 'error' });
const network = new Libp2pNetwork({
  identity: newIdentity(),
  host: '0.0.0.0',
  port,
  quic: false,
  nat: { ...NAT_DEFAULTS, ...nat },
  maxConnections: 100,
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
  addresses: () => [...publicAddresses, ...network.addresses],
  options: { ...LINK_POOL_DEFAULTS, relayed: { directFirstMs, directMostMs: directFirstMs } },
});

const admitAll: Gatekeeper = {
  greeting: () => NO_HEAD,
  welcomes: () => null,
  prove: () => NO_HEAD,
  check: () => null,
};

/** What came from each peer, and what went there. */
const streams = new Map<string, Stream>();
function streamWith(peerId: string): Stream {
  let stream = streams.get(peerId);
  if (stream === undefined) {
    stream = { received: 0, lost: 0, swapped: 0, sent: 0, refused: 0, answered: 0, channels: [] };
    streams.set(peerId, stream);
  }
  return stream;
}

function came(link: Link): void {
  streamWith(link.peer.peerId).channels.push(link.info().transport);
}

const events: LinkEvents = {
  onUp: came,
  onControl() {},
  onData(link, number, _held, _type, buffer, start) {
    const stream = streamWith(link.peer.peerId);
    const place = Buffer.from(buffer.buffer, buffer.byteOffset + start, 4).readUInt32BE();
    if (place < stream.received + stream.lost) stream.swapped++;
    else stream.lost = place - stream.received;
    stream.received++;
    link.done(number, 0);
    return true;
  },
  onLost() {},
  onResumed: came,
  onClosed(link, reason) {
    streamWith(link.peer.peerId).channels.push(`closed: ${reason}`);
  },
  onUnreachable() {},
  onRefused() {},
};
pool.open('mesh', admitAll, events);
pool.start();

/** Frames with growing numbers, until it is told to stop. */
const sending = new Map<string, { cancel(): void }>();
function send(peerId: string, bytes: number, perTick: number): void {
  const stream = streamWith(peerId);
  const obligations = { meet: () => void stream.answered++ };
  const one = (): void => {
    const link = pool.find('mesh', peerId);
    if (link === null) {
      stream.refused++;
      return;
    }
    const body = Buffer.alloc(bytes);
    body.writeUInt32BE(stream.sent);
    const isHeld = stream.sent % HELD_EVERY === 0;
    if (isHeld) link.held(HELD, NO_HEAD, body, obligations, 0);
    else if (!link.loose(LOOSE, NO_HEAD, body, 0, bytes, 1)) {
      stream.refused++;
      return;
    }
    stream.sent++;
  };
  const timer = systemClock.setInterval(() => {
    for (let i = 0; i < perTick; i++) one();
  }, 10);
  sending.set(peerId, timer);
}

async function answer(command: NatNodeCommand): Promise<NatNodeAnswer> {
  let error: string | null = null;
  if (command.do === 'link') {
    const { peerId, addresses } = command;
    await pool.getOrCreate('mesh', { peerId, addresses }).catch((reason: Error) => {
      error = reason.message;
    });
  } else if (command.do === 'send') send(command.peerId, command.bytes, command.perTick);
  else if (command.do === 'stop') {
    for (const timer of sending.values()) timer.cancel();
    sending.clear();
  }
  return {
    error,
    peerId: network.peerId,
    addresses: network.addresses,
    nat: network.nat!.status,
    links: pool.list(),
    streams: Object.fromEntries(streams),
  };
}

for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as NatNodeCommand))}\n`);
}
process.exit();
