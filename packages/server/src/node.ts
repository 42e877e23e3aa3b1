import packageJson from '../package.json' with { type: 'json' };
import { brokerPorts } from './admin/broker-ports.ts';
import type { AdminPorts } from './admin/ports.ts';
import { createAdmin, type HttpServing } from './admin/server.ts';
import { DEFAULT_REALM, Users } from './auth/users.ts';
import { Broker, SWEEP_MS } from './broker/broker.ts';
import { BrokerCounters } from './broker/counters.ts';
import { TcpListener } from './broker/listeners/tcp.ts';
import { TlsListener } from './broker/listeners/tls.ts';
import { TlsCredentials } from './broker/listeners/tls-credentials.ts';
import type { TlsServing } from './broker/listeners/tls-door.ts';
import { LocalDelivery } from './broker/local-delivery.ts';
import { MemoryRetainedStore } from './broker/memory-retained-store.ts';
import { MemorySessionStore } from './broker/memory-session-store.ts';
import { SysTopics } from './broker/sys-topics.ts';
import type { Listener } from './broker/transport.ts';
import type { Config } from './config.ts';
import { LocalWorkerRegistry } from './gateway/local-worker-registry.ts';
import { NodeStores } from './gateway/stores.ts';
import { type Clock, systemClock, type Timer } from './lib/clock.ts';
import { DataDir, type NodeInfo } from './lib/data-dir.ts';
import { Lifecycle, type LifecyclePart } from './lib/lifecycle.ts';
import { type Logger, rateLimited } from './lib/log.ts';
import { randomFraction, randomId } from './lib/random.ts';
import { Turn } from './lib/turn.ts';
import { Router } from './router/router.ts';
import { StoreTopics } from './router/store-topics.ts';
import type { Stores } from './store/store.ts';

/** Connections that the system holds for us to accept: more than any burst that the rate limit lets through at once. */
const LISTEN_BACKLOG = 4096;
/** How often a drain looks whether the last connection is gone. */
const DRAIN_POLL_MS = 20;
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
  const dataDir = DataDir.open(config.dataDir);
  try {
    const node = await build(config, credentials, dataDir, log);
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
  dataDir: DataDir,
  log: Logger,
): Promise<Built> {
  const clock = systemClock;
  const stores = makeStores(config, dataDir, log);
  const broker = makeBroker(config, stores, log);
  const storeTopics = new StoreTopics(broker.context);
  const tls = credentials === null ? null : tlsServing(config, credentials, broker);
  const info: NodeInfo = {
    nodeId: dataDir.nodeId,
    pid: process.pid,
    version: packageJson.version,
    mqttPort: null,
    mqttsPort: null,
    httpPort: null,
    peerPort: null,
    peerAddresses: [],
  };
  const readiness = new NodeReadiness();
  const ports = { ...brokerPorts(broker), node: description(info, clock), readiness, stores, clock, log };
  const admin = await createAdmin(ports, config, httpServing(config, tls, broker));

  const lifecycle = new Lifecycle(clock, (part, error) => log.error({ err: error, part }, 'fault while stopping'));
  lifecycle.add('data directory', { stop: () => dataDir.close() });
  lifecycle.add('stores', stores);
  lifecycle.add('broker', brokerPart(broker, clock, config.sysIntervalS));
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

function brokerPart(broker: Broker, clock: Clock, sysIntervalS: number): LifecyclePart {
  const timers: Timer[] = [];
  const sysTopics = new SysTopics(broker, packageJson.version);
  return {
    start: () => {
      timers.push(clock.setInterval(() => broker.sweep(), SWEEP_MS));
      if (sysIntervalS === 0) return;
      sysTopics.publish();
      timers.push(clock.setInterval(() => sysTopics.publish(), sysIntervalS * 1000));
    },
    drain: async (deadline) => {
      broker.drain();
      while (broker.connections > 0 && !deadline.aborted) {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, DRAIN_POLL_MS));
      }
    },
    stop: () => {
      for (const timer of timers) timer.cancel();
      broker.stop();
      broker.context.limitedLog.stop();
    },
  };
}

function makeStores(config: Config, dataDir: DataDir, log: Logger): NodeStores {
  return new NodeStores({
    stores: config.stores,
    dataDir: dataDir.path,
    nodeId: dataDir.nodeId,
    threads: config.storeThreads,
    queueBytes: config.storeQueueBytes,
    registry: new LocalWorkerRegistry(),
    clock: systemClock,
    random: randomFraction,
    log,
  });
}

function makeBroker(config: Config, stores: Stores, log: Logger): Broker {
  const clock = systemClock;
  const counters = new BrokerCounters();
  const queuedBytes = { total: 0 };
  const retained = new MemoryRetainedStore(config);
  const broker = new Broker(
    {
      options: config,
      clock,
      turn: new Turn((run) => clock.setImmediate(run)),
      authenticator: new Users(config.users, config.allowAnonymous),
      retained,
      sessions: new MemorySessionStore(() => clock.wallMs()),
      stores,
      counters,
      queuedBytes,
      newClientId: () => `plexus-${randomId(10)}`,
      log,
      limitedLog: rateLimited(log, clock),
    },
    new Router(new LocalDelivery(config, queuedBytes), retained, counters),
  );
  for (const name of [DEFAULT_REALM, ...config.users.map((user) => user.realm)]) broker.realms.get(name);
  return broker;
}
