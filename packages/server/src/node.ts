import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import { brokerPorts } from './admin/broker-ports.ts';
import type { AdminPorts } from './admin/ports.ts';
import { createAdmin, type HttpServing } from './admin/server.ts';
import { NodeRealms } from './auth/federation/node-realms.ts';
import { systemRealmFiles } from './auth/federation/realm-files.ts';
import { DEFAULT_REALM, Users } from './auth/users.ts';
import type { Broker } from './broker/broker.ts';
import { PeerListener } from './broker/listeners/peer.ts';
import { TcpListener } from './broker/listeners/tcp.ts';
import { TlsListener } from './broker/listeners/tls.ts';
import { TlsCredentials } from './broker/listeners/tls-credentials.ts';
import type { TlsServing } from './broker/listeners/tls-door.ts';
import { SysTopics } from './broker/sys-topics.ts';
import type { Listener } from './broker/transport.ts';
import type { Cluster } from './cluster/cluster.ts';
import { configuredSecrets } from './cluster/configured-secrets.ts';
import type { Config } from './config.ts';
import { ClusterStores } from './gateway/cluster-stores.ts';
import { LocalWorkerRegistry } from './gateway/local-worker-registry.ts';
import { NodeStores } from './gateway/stores.ts';
import type { WorkerRegistry } from './gateway/worker-registry.ts';
import { type Clock, systemClock, type Timer } from './lib/clock.ts';
import { DataDir, type NodeInfo } from './lib/data-dir.ts';
import { nextIncarnation } from './lib/incarnation.ts';
import { Lifecycle, type LifecyclePart } from './lib/lifecycle.ts';
import type { Logger } from './lib/log.ts';
import { randomFraction, randomId } from './lib/random.ts';
import { Turn } from './lib/turn.ts';
import { clusterView, peersView } from './node/cluster-views.ts';
import { NodeMesh } from './node/mesh-views.ts';
import { makeMesh } from './node/meshing.ts';
import { Messaging } from './node/messaging.ts';
import { addPeering, makeNetwork, makePeering, type Peering } from './node/peering.ts';
import { loadIdentity } from './peer/identity.ts';
import type { NatStatus } from './peer/nat.ts';
import { StoreTopics } from './router/store-topics.ts';
import type { Stores } from './store/store.ts';

/** Connections that the system holds for us to accept: more than any burst that the rate limit lets through at once. */
const LISTEN_BACKLOG = 4096;
/** WebSocket messages may be this much larger than the largest packet: several packets may be joined in one. */
const WEB_SOCKET_ROOM_BYTES = 1024 * 1024;
/** HTTP connections beside the WebSockets of clients. */
const HTTP_CONNECTIONS = 4096;

export interface PlexusNode {
  /** The content of `DATA_DIR/node.json`. */
  readonly info: NodeInfo;
  /** The event stores, for programs in this process. */
  readonly stores: Stores;
  /** Stops accepting, tells clients, sends what is on its way, stops; at the latest after `drainTimeoutMs`. Idempotent. */
  drain(): Promise<void>;
  /** Stops at once. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Builds a node from its configuration and starts it; resolves when every listener is up. This is the only place where
 * parts are made and joined.
 * @throws {PlexusError} config_invalid (TLS files), data_dir_locked, data_dir_unusable, store_locked, store_damaged,
 * store_newer, store_full, store_unavailable, address_in_use, address_unavailable; nothing is left running
 */
export async function startNode(config: Config, { log }: { log: Logger }): Promise<PlexusNode> {
  // Before anything is taken or listens.
  const credentials = openCredentials(config);
  const secrets = configuredSecrets(config, (path) => readFileSync(path, 'utf8'));
  const dataDir = DataDir.open(config.dataDir);
  try {
    const node = await build(config, credentials, secrets, dataDir, log);
    await node.lifecycle.start();
    return {
      info: node.info,
      stores: node.stores,
      drain: () => node.lifecycle.drain(config.drainTimeoutMs),
      stop: () => node.lifecycle.stop(),
    };
  } catch (error) {
    dataDir.close();
    throw error;
  }
}

interface Built {
  info: NodeInfo;
  stores: Stores;
  lifecycle: Lifecycle;
}

async function build(
  config: Config,
  credentials: TlsCredentials | null,
  secrets: readonly string[] | null,
  dataDir: DataDir,
  log: Logger,
): Promise<Built> {
  const clock = systemClock;
  const turn = new Turn((run) => clock.setImmediate(run));
  const identity = loadIdentity(dataDir.path);
  const nodeId = identity.peerId;
  const incarnation = nextIncarnation(dataDir.path, clock.wallMs());
  const network = makeNetwork(config, identity, log);
  const peering = makePeering({ config, network, incarnation, secrets, clock, turn, random: randomFraction, log });
  const { cluster } = peering;
  const localStores = makeStores(config, dataDir, nodeId, cluster?.groups ?? new LocalWorkerRegistry(), log);
  const clusterStores = cluster === null ? null : makeClusterStores(nodeId, localStores, peering, cluster, log);
  const stores = clusterStores ?? localStores;
  const realms = config.mesh ? federatedRealms(config, dataDir, nodeId, log) : null;
  const { directory } = network;
  const { pool } = peering;
  const common = { config, nodeId, pool, cluster, clock, turn, random: randomFraction, log };
  const meshing = realms === null || directory === null ? null : makeMesh({ ...common, directory, realms });
  const messaging = new Messaging({
    options: config,
    clock,
    turn,
    authenticator: new Users(config.users, config.allowAnonymous),
    newClientId: () => `plexus-${randomId(10)}`,
    log,
    cluster,
    mesh: meshing?.mesh ?? null,
    stores,
  });
  const { broker } = messaging;
  const named = [...config.users.map((user) => user.realm), ...config.realms.map((realm) => realm.name)];
  for (const name of [DEFAULT_REALM, ...named]) broker.realms.get(name);
  const storeTopics = new StoreTopics({
    ...broker.context,
    ...(clusterStores !== null && { isServed: (store) => clusterStores.serves(store) }),
  });
  const tls = credentials === null ? null : tlsServing(config, credentials, broker);
  const info: NodeInfo = {
    nodeId,
    pid: process.pid,
    version: packageJson.version,
    mqttPort: null,
    mqttsPort: null,
    httpPort: null,
    peerPort: null,
    peerAddresses: [],
  };
  const readiness = new NodeReadiness();
  const nat = (): NatStatus | null => network.nat?.status ?? null;
  const mesh =
    meshing === null || realms === null || directory === null
      ? null
      : new NodeMesh({ meshing, directory, messaging, realms, nat, config, clock });
  network.nat?.onMoved(() => meshing?.mesh.moved());
  const ports = {
    ...brokerPorts(broker),
    node: description(info, clock),
    readiness,
    stores,
    ...(clusterStores !== null && { clusterStores }),
    peers: peersView(peering.pool),
    ...(cluster !== null && config.cluster !== null && { cluster: clusterView(config.cluster, cluster) }),
    ...(mesh !== null && { mesh }),
    clock,
    log,
  };
  const admin = await createAdmin(ports, config, httpServing(config, tls, broker));

  const lifecycle = new Lifecycle(clock, (part, error) => log.error({ err: error, part }, 'fault while stopping'));
  lifecycle.add('data directory', { stop: () => dataDir.close() });
  addPeering(lifecycle, network, peering, (port) => {
    info.peerPort = port;
    info.peerAddresses = network.addresses.map((address) => `${address}/p2p/${nodeId}`);
  });
  lifecycle.add('stores', localStores);
  if (cluster !== null) lifecycle.add('cluster', cluster);
  if (clusterStores !== null) lifecycle.add('stores of the cluster', clusterStores);
  if (realms !== null) lifecycle.add('federated realms', realms);
  if (meshing !== null) {
    // What this node says beyond the cluster, the others believe it to say for all of it.
    if (cluster !== null) lifecycle.add('what the cluster wants', { start: () => cluster.settled() });
    lifecycle.add('mesh', meshing.mesh);
  }
  lifecycle.add('messages', messaging);
  lifecycle.add('$SYS', sysPart(broker, clock, config.sysIntervalS));
  lifecycle.add('store topics', { start: () => storeTopics.start(), stop: () => storeTopics.stop() });
  lifecycle.add('http', {
    start: async () => {
      info.httpPort = await admin.listen();
    },
    drain: () => admin.drain(),
    stop: () => admin.stop(),
  });
  const bind = { host: config.host, backlog: LISTEN_BACKLOG };
  const tcp = new TcpListener({ ...bind, port: config.mqttPort }, broker.accept);
  lifecycle.add(
    'mqtt over tcp',
    listenerPart(tcp, (port) => (info.mqttPort = port)),
  );
  lifecycle.add(
    'mqtt over peers',
    listenerPart(new PeerListener(network, broker.accept), () => {}),
  );
  if (tls !== null && config.mqttsPort !== null) {
    const listener = new TlsListener({ ...bind, port: config.mqttsPort }, tls, broker.acceptAdmitted);
    lifecycle.add(
      'mqtt over tls',
      listenerPart(listener, (port) => (info.mqttsPort = port)),
    );
  }
  if (credentials !== null) lifecycle.add('certificates', certificatesPart(credentials, clock, log));
  lifecycle.add('readiness', {
    start: () => {
      readiness.state = 'ready';
      dataDir.writeNodeInfo(info);
      log.info({ ...info, event: 'node_started' }, 'node started');
    },
    drain: () => {
      readiness.state = 'draining';
    },
  });
  return { info, stores, lifecycle };
}

function federatedRealms(config: Config, dataDir: DataDir, peerId: string, log: Logger): NodeRealms {
  const directory = join(dataDir.path, 'realms');
  const federated = config.realms.filter((realm) => realm.federated);
  const realms = federated.map(({ name, authorityKey, tokenFile, revocationsFile }) => ({
    name,
    // The configuration was checked for it.
    authorityKey: authorityKey!,
    tokenFile: tokenFile ?? join(directory, `${name}.token`),
    revocationsFile,
  }));
  return new NodeRealms({ realms, directory, peerId, clock: systemClock, files: systemRealmFiles, log });
}

function listenerPart(listener: Listener, onPort: (port: number) => void): LifecyclePart {
  return {
    start: async () => onPort(await listener.start()),
    drain: () => listener.stopAccepting(),
    stop: () => listener.stopAccepting(),
  };
}

function certificatesPart(credentials: TlsCredentials, clock: Clock, log: Logger): LifecyclePart {
  let timer: Timer | null = null;
  return {
    start: () => {
      timer = credentials.watch(clock, log);
    },
    stop: () => timer?.cancel(),
  };
}

function openCredentials({ mqttsPort, httpTls, tlsCert, tlsKey, tlsCa }: Config): TlsCredentials | null {
  if (mqttsPort === null && !httpTls) return null;
  // The configuration was checked for both.
  return new TlsCredentials({ tlsCert: tlsCert!, tlsKey: tlsKey!, tlsCa });
}

function tlsServing(config: Config, credentials: TlsCredentials, broker: Broker): TlsServing {
  const { connectTimeoutMs, maxClients } = config;
  return { credentials, doorkeeper: broker, handshakeTimeoutMs: connectTimeoutMs, maxHandshakes: maxClients };
}

function httpServing(config: Config, tls: TlsServing | null, broker: Broker): HttpServing {
  const maxMessageBytes = config.maxPacketBytes + WEB_SOCKET_ROOM_BYTES;
  const webSocket = config.httpTls
    ? { name: 'wss' as const, maxMessageBytes, accept: broker.acceptAdmitted }
    : { name: 'ws' as const, maxMessageBytes, accept: broker.accept };
  // As many may be shaking hands as may be connected.
  const maxConnections = 2 * config.maxClients + HTTP_CONNECTIONS;
  return { tls: config.httpTls ? tls : null, webSocket, maxConnections };
}

class NodeReadiness {
  state: 'starting' | 'ready' | 'draining' = 'starting';

  unmet(): string[] {
    return this.state === 'ready' ? [] : [this.state];
  }
}

function description(info: NodeInfo, clock: Clock): AdminPorts['node'] {
  const startedAtMs = clock.wallMs();
  const startedAt = new Date(startedAtMs).toISOString();
  return { describe: () => ({ ...info, startedAt, uptimeS: (clock.wallMs() - startedAtMs) / 1000 }) };
}

function sysPart(broker: Broker, clock: Clock, intervalS: number): LifecyclePart {
  const sysTopics = new SysTopics(broker, packageJson.version);
  let timer: Timer | null = null;
  return {
    start: () => {
      if (intervalS === 0) return;
      sysTopics.publish();
      timer = clock.setInterval(() => sysTopics.publish(), intervalS * 1000);
    },
    stop: () => timer?.cancel(),
  };
}

function makeStores(
  config: Config,
  dataDir: DataDir,
  nodeId: string,
  registry: WorkerRegistry,
  log: Logger,
): NodeStores {
  return new NodeStores({
    stores: config.stores,
    dataDir: dataDir.path,
    nodeId,
    threads: config.storeThreads,
    queueBytes: config.storeQueueBytes,
    registry,
    clock: systemClock,
    random: randomFraction,
    log,
  });
}

function makeClusterStores(
  nodeId: string,
  local: NodeStores,
  { pool }: Peering,
  cluster: Cluster,
  log: Logger,
): ClusterStores {
  return new ClusterStores({
    nodeId,
    local,
    registry: cluster.groups,
    pool,
    gatekeeper: cluster.gatekeeper,
    target: (id) => cluster.target(id),
    clock: systemClock,
    random: randomFraction,
    log,
  });
}
