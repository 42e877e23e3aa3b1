import { mosquitto } from './mosquitto.ts';
import { natsServer } from './nats-server.ts';
import { aedes, ceiling } from './node-peers.ts';
import type { Peer } from './peer.ts';
import { plexus } from './plexus.ts';

/** In the order of the table's columns. */
export const peers: readonly Peer[] = [plexus, natsServer, mosquitto, aedes];

/** Those too that take part only when asked for by name. */
export const allPeers: readonly Peer[] = [...peers, ceiling];
