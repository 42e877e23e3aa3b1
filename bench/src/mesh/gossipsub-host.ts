/** A process with several nodes that have nothing but gossipsub. */
import { gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { answerCalls } from './calls.ts';
import { Arrivals, type StampedPlan, sendStamped } from './stamped.ts';

/** Every message has other ones: its number and the time. */
const ID_BYTES = 12;
/** All of them come from one address, at once. */
const CONNECTIONS_PER_SECOND = 1000;

/** What favours it: no signatures, which would nearly double its messages, and no pings. The rest are its defaults. */
const makeNode = () =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: CONNECTIONS_PER_SECOND },
    services: {
      identify: identify(),
      pubsub: gossipsub({
        globalSignaturePolicy: 'StrictNoSign',
        msgIdFn: ({ data }) => data.subarray(0, ID_BYTES),
        // It would take so many nodes with one address for an attack, and not listen to them.
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
    },
  });

interface Node {
  readonly libp2p: Awaited<ReturnType<typeof makeNode>>;
  readonly arrivals: Arrivals;
}

const nodes: Node[] = [];
/** Of this process. */
interface Which {
  readonly node: number;
}

answerCalls({
  /** @returns its address */
  start: async () => {
    const libp2p = await makeNode();
    // It promises no order.
    const arrivals = new Arrivals(false);
    libp2p.services.pubsub.addEventListener('message', ({ detail }) => arrivals.add(detail.data));
    nodes.push({ libp2p, arrivals });
    return libp2p.getMultiaddrs()[0]!.toString();
  },
  connect: async ({ node, address }: Which & { address: string }) => {
    await nodes[node]!.libp2p.dial(multiaddr(address));
  },
  subscribe: ({ node, topic }: Which & { topic: string }) => nodes[node]!.libp2p.services.pubsub.subscribe(topic),
  /** How many a node knows of. */
  subscribers: ({ node, topic }: Which & { topic: string }) =>
    nodes[node]!.libp2p.services.pubsub.getSubscribers(topic).length,
  publish: async ({ node, topic, plan }: Which & { topic: string; plan: StampedPlan }) => {
    const { pubsub } = nodes[node]!.libp2p.services;
    await sendStamped(plan, (message) => void pubsub.publish(topic, message));
  },
  /** What came since the last question. */
  arrivals: ({ node }: Which) => nodes[node]!.arrivals.take(),
});
