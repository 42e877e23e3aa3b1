import { BYTES, COUNT, GiB, KiB, MiB, MS } from './bounds.ts';
import { bool, int, list, type Option, oneOf } from './option.ts';
import { faultInSeeds } from './peer-options.ts';
import type { RealmConfig } from './realms.ts';

/** Longer than this nobody waits for a message to be sent. */
const MAX_TTL_S = 24 * 60 * 60;

/** Options about nodes beyond the cluster: part of the one table in `table.ts`. */
export const MESH_OPTIONS = {
  realms: {
    kind: 'realms',
    default: [],
    only: 'file',
    help: 'What is special about realms: a list of `{name, federated, authorityKey, tokenFile, revocationsFile}`; only those that are federated cross the border of the cluster.',
  } as Option<readonly RealmConfig[]>,
  mesh: bool({
    default: false,
    help: 'Whether this node takes part in the mesh: finds nodes beyond its cluster that want its messages, and is found by them.',
  }),
  meshJoin: list({
    default: [],
    check: faultInSeeds,
    help: 'Nodes of the mesh to begin with: host:port, a name in DNS, or multiaddr. One that answers is enough.',
  }),
  reachable: oneOf(['auto', 'yes', 'no'], {
    default: 'auto',
    help: 'Whether other nodes of the mesh can dial this one. `auto`: what other nodes see; `no`: it is reached through relays.',
  }),
  relay: bool({
    default: false,
    help: 'Whether nodes that cannot be reached may be reached through this one.',
  }),
  relayDataBytes: int({
    default: GiB,
    ...BYTES,
    min: 64 * KiB,
    help: 'Bytes that one relayed connection may carry, before its ends have to make another.',
  }),
  relayDurationS: int({
    default: 60 * 60,
    unit: 's',
    min: 1,
    max: MAX_TTL_S,
    help: 'How long one relayed connection may last, before its ends have to make another.',
  }),
  maxRelayed: int({ default: 128, ...COUNT, help: 'Nodes that may be reached through this one at a time.' }),
  upnp: bool({ default: false, help: 'Whether the router is asked to forward the peer port, by UPnP.' }),
  advertisementTtlS: int({
    default: 300,
    unit: 's',
    min: 10,
    max: MAX_TTL_S,
    help: 'How long an advertisement is valid; it is made again before.',
  }),
  advertisementsPerS: int({
    default: 50,
    unit: 'per s',
    min: 1,
    max: 10_000,
    help: 'Advertisements that are made per second.',
  }),
  lookupTtlS: int({
    default: 60,
    unit: 's',
    min: 1,
    max: MAX_TTL_S,
    help: 'How long the answer of the directory is used before it is asked again.',
  }),
  lookupTimeoutMs: int({ default: 4000, ...MS, help: 'Time for one question to the directory.' }),
  meshPendingMessages: int({
    default: 1000,
    ...COUNT,
    help: 'Messages of one topic that wait while it is not yet known who wants them beyond the cluster.',
  }),
  meshPendingMs: int({ default: 5000, ...MS, help: 'How long a message waits for that.' }),
  meshPendingBytes: int({
    default: 64 * MiB,
    ...BYTES,
    min: MiB,
    help: 'Bytes of all messages that wait for that.',
  }),
} as const;
