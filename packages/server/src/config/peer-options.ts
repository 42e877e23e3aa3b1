import { isLoopback } from '../lib/host.ts';
import { peerAddressProblem } from '../lib/peer-address.ts';
import { BYTES, COUNT, KiB, MiB, MS, notEmpty, PORT } from './bounds.ts';
import { bool, int, list, string } from './option.ts';

const CLUSTER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Without a port: service records say it, or it is the usual one. */
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?$/;
const HOUR_S = 60 * 60;

function faultIn(addresses: readonly string[]): string | null {
  for (const address of addresses) {
    const problem = peerAddressProblem(address);
    if (problem !== null) return `host:port or multiaddr; of ${JSON.stringify(address)}: ${problem}`;
  }
  return null;
}

export const faultInSeeds = (seeds: readonly string[]): string | null =>
  faultIn(seeds.filter((seed) => !HOST_NAME.test(seed)));

/** Options about other nodes: part of the one table in `table.ts`. */
export const PEER_OPTIONS = {
  peerPort: int({
    default: 9443,
    ...PORT,
    help: 'Other nodes, and MQTT over libp2p: TCP, and QUIC on the same UDP port; 0 picks a free port.',
  }),
  quic: bool({ default: true, help: 'Whether the peer port speaks QUIC beside TCP.' }),
  publicAddresses: list({
    default: [],
    defaultText: 'those it listens on',
    check: faultIn,
    help: 'Where other nodes are told to reach this one: host:port or multiaddr. Needed behind address translation.',
  }),
  cluster: string<string | null>({
    default: null,
    check: (name) =>
      name === null || CLUSTER_NAME.test(name) ? null : '1 to 64 letters, digits, dots, dashes and underscores',
    help: 'Name of the cluster that this node belongs to; needs a secret.',
  }),
  clusterSecretFile: string<string | null>({
    default: null,
    check: notEmpty,
    help: 'File with the secret of the cluster, as `plexus cluster secret` prints it; a second line may hold another, while secrets change.',
  }),
  clusterSecret: string<string | null>({
    default: null,
    only: 'environment',
    secret: true,
    check: notEmpty,
    help: 'What would be in clusterSecretFile. Not for the command line, which every user of a machine can see.',
  }),
  join: list({
    default: [],
    check: faultInSeeds,
    help: 'Members of the cluster to begin with: host:port, a name in DNS, or multiaddr. One that answers is enough.',
  }),
  mdns: bool({
    default: (others) => (others.cluster !== null || others.mesh === true) && !isLoopback(others.host as string),
    defaultText: 'true in a cluster or the mesh unless host is loopback',
    help: 'Whether other nodes are looked for, and this node is shown, on the local network by multicast DNS.',
  }),
  sharedLocalFirst: bool({
    default: false,
    help: 'Whether a shared subscription prefers members on the node where the message was published.',
  }),
  maxLinks: int({
    default: 1000,
    ...COUNT,
    help: 'Links to peers that are no members of the cluster; beyond it, the least recently used one is closed.',
  }),
  dialTimeoutMs: int({ default: 5000, ...MS, help: 'Time to open a channel to a peer, introduction included.' }),
  heartbeatIntervalMs: int({ default: 1000, ...MS, help: 'How often a link says that it is there.' }),
  peerDeadMs: int({
    default: 3000,
    ...MS,
    help: 'A peer that says nothing for this time is down: its interest is forgotten, and nobody waits for it.',
  }),
  linkQueueBytes: int({
    default: 16 * MiB,
    ...BYTES,
    min: 64 * KiB,
    help: 'Bytes at QoS 0 that wait for one peer; beyond it, the newest are dropped and counted.',
  }),
  linkHeldBytes: int({
    default: 64 * MiB,
    ...BYTES,
    min: 64 * KiB,
    help: 'Bytes at QoS 1 and 2 that one peer has not answered; beyond it, their publishers wait.',
  }),
  linkCreditBytes: int({
    default: 8 * MiB,
    ...BYTES,
    min: 64 * KiB,
    help: 'Bytes of messages that one peer may have on the way to this node before the node has dealt with them.',
  }),
  retainedTombstoneS: int({
    default: HOUR_S,
    unit: 's',
    min: 1,
    max: 365 * 24 * HOUR_S,
    help: 'How long a deleted retained message is remembered, so that no node that was away brings it back.',
  }),
  maxRetainedTombstones: int({
    default: 1_000_000,
    ...COUNT,
    help: 'Deleted retained messages that are remembered; beyond it, the oldest are forgotten.',
  }),
} as const;
