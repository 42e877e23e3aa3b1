import { systemClock } from '../../lib/clock.ts';
import { createLogger } from '../../lib/log.ts';
import { newIdentity } from '../../peer/identity.ts';
import { Libp2pNetwork } from '../../peer/libp2p-network.ts';
import type { AcceptConnection, Listener } from '../transport.ts';
import { describeListener, type Peer } from './listener.conformance.ts';
import { MQTT_OVER_PEERS, PeerListener } from './peer.ts';

const networks: Libp2pNetwork[] = [];
const client = network(0);
const clientStarted = client.start();

function network(port: number): Libp2pNetwork {
  const log = createLogger({ level: 'silent' });
  const identity = newIdentity();
  return new Libp2pNetwork({
    ...{ identity, log, port, host: '127.0.0.1', quic: false, maxConnections: 100, version: '0', clock: systemClock },
  });
}

/** The network listens, not the listener: here both are started as one. */
function make(accept: AcceptConnection, port = 0): Listener {
  const node = network(port);
  const listener = new PeerListener(node, accept);
  networks.push(node);
  return {
    name: listener.name,
    start: async () => {
      await node.start();
      return listener.start();
    },
    stopAccepting: () => listener.stopAccepting(),
  };
}

async function connect(port: number): Promise<Peer> {
  await clientStarted;
  const target = { peerId: null, addresses: [`/ip4/127.0.0.1/tcp/${port}`] };
  const channel = await client.dial(target, MQTT_OVER_PEERS, AbortSignal.timeout(5000));
  const chunks: Uint8Array[] = [];
  const closed = new Promise<void>((resolve) => {
    channel.handler = {
      onData: (chunk) => void chunks.push(chunk),
      onDrain: () => {},
      onClosed: () => resolve(),
    };
  });
  return {
    write: (bytes) => void channel.write(bytes),
    pause: () => channel.pause(),
    resume: () => channel.resume(),
    destroy: () => channel.destroy(),
    received: () => Buffer.concat(chunks),
    closed,
  };
}

describeListener({ name: 'peer', make, connect });
