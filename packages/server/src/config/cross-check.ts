import type { Config, OptionKey } from './table.ts';
import type { Fault } from './values.ts';

/** `smaller` must be below `larger`, or at most it. */
interface Order {
  smaller: OptionKey;
  larger: OptionKey;
  equalAllowed: boolean;
}

// A bound that the next one up can never reach would be a bound that does not work.
const ORDERS: readonly Order[] = [
  { smaller: 'outboundLowWaterBytes', larger: 'outboundHighWaterBytes', equalAllowed: false },
  { smaller: 'maxPacketBytes', larger: 'outboundBufferBytes', equalAllowed: true },
  { smaller: 'maxPacketBytes', larger: 'maxQueuedBytes', equalAllowed: true },
  { smaller: 'maxPacketBytes', larger: 'maxIncompleteBytes', equalAllowed: true },
  { smaller: 'maxQueuedBytes', larger: 'maxTotalQueuedBytes', equalAllowed: true },
  { smaller: 'outboundBufferBytes', larger: 'maxStalledBytes', equalAllowed: true },
  { smaller: 'stallAfterMs', larger: 'writeTimeoutMs', equalAllowed: false },
  { smaller: 'heartbeatIntervalMs', larger: 'peerDeadMs', equalAllowed: false },
];

/** Between nodes: a packet has to fit through a link. */
const CLUSTER_ORDERS: readonly Order[] = [
  { smaller: 'maxPacketBytes', larger: 'linkCreditBytes', equalAllowed: true },
  { smaller: 'maxPacketBytes', larger: 'linkQueueBytes', equalAllowed: true },
  { smaller: 'maxPacketBytes', larger: 'linkHeldBytes', equalAllowed: true },
];

/** What no option can see alone. @returns the first fault, or null. */
export function crossCheck(config: Config): Fault | null {
  const orders = config.cluster === null && !config.mesh ? ORDERS : [...ORDERS, ...CLUSTER_ORDERS];
  for (const { smaller, larger, equalAllowed } of orders) {
    const [low, high] = [config[smaller] as number, config[larger] as number];
    if (low < high || (equalAllowed && low === high)) continue;
    return { key: smaller, given: low, allowed: `${equalAllowed ? 'at most' : 'less than'} ${larger} (${high})` };
  }
  return samePort(config) ?? tlsFault(config) ?? clusterFault(config) ?? meshFault(config) ?? tooManyStores(config);
}

const PORTS = ['mqttPort', 'mqttsPort', 'httpPort', 'peerPort'] as const;

function samePort(config: Config): Fault | null {
  for (const [i, key] of PORTS.entries()) {
    const port = config[key];
    const other = PORTS.slice(0, i).find((earlier) => config[earlier] === port);
    if (port === null || port === 0 || other === undefined) continue;
    return { key, given: port, allowed: `another port than ${other} (${port})` };
  }
  return null;
}

function tlsFault(config: Config): Fault | null {
  const user = config.mqttsPort !== null ? 'mqttsPort' : config.httpTls ? 'httpTls' : null;
  if (user !== null) {
    const missing = (['tlsCert', 'tlsKey'] as const).find((key) => config[key] === null);
    return missing === undefined ? null : { key: missing, given: undefined, allowed: `a PEM file, needed by ${user}` };
  }
  // It would look as if something were protected.
  const idle = (['tlsCert', 'tlsKey', 'tlsCa'] as const).find((key) => config[key] !== null);
  if (idle === undefined) return null;
  return { key: idle, given: config[idle], allowed: 'only with mqttsPort or httpTls, which are off' };
}

function clusterFault({ cluster, clusterSecret, clusterSecretFile, join, mdns, mesh }: Config): Fault | null {
  if (cluster === null) {
    // Whoever gave one of these meant to be in a cluster.
    const only = 'only with cluster, which is not given';
    if (clusterSecretFile !== null) return { key: 'clusterSecretFile', given: clusterSecretFile, allowed: only };
    if (clusterSecret !== null) return { key: 'clusterSecret', given: 'something', allowed: only };
    if (join.length > 0) return { key: 'join', given: join, allowed: only };
    return mdns && !mesh
      ? { key: 'mdns', given: mdns, allowed: 'only with cluster or mesh, which are not given' }
      : null;
  }
  if (clusterSecretFile === null && clusterSecret === null) {
    const allowed = 'a file with the secret (`plexus cluster secret` makes one), or PLEXUS_CLUSTER_SECRET';
    return { key: 'clusterSecretFile', given: undefined, allowed };
  }
  if (clusterSecretFile === null || clusterSecret === null) return null;
  return { key: 'clusterSecretFile', given: clusterSecretFile, allowed: 'not together with PLEXUS_CLUSTER_SECRET' };
}

function meshFault({ mesh, meshJoin, relay, upnp, reachable, realms }: Config): Fault | null {
  if (mesh) return null;
  const only = 'only with mesh, which is not given';
  if (meshJoin.length > 0) return { key: 'meshJoin', given: meshJoin, allowed: only };
  if (relay) return { key: 'relay', given: relay, allowed: only };
  if (upnp) return { key: 'upnp', given: upnp, allowed: only };
  if (reachable !== 'auto') return { key: 'reachable', given: reachable, allowed: only };
  const federated = realms.findIndex((realm) => realm.federated);
  return federated === -1 ? null : { key: `realms[${federated}].federated`, given: true, allowed: only };
}

function tooManyStores({ stores, maxStores }: Config): Fault | null {
  if (stores.length <= maxStores) return null;
  return { key: 'stores', given: `${stores.length} stores`, allowed: `at most maxStores (${maxStores})` };
}
