import packageJson from '../package.json' with { type: 'json' };
import { brokerPorts } from './admin/broker-ports.ts';
import { createAdmin } from './admin/server.ts';
import { DEFAULT_REALM, Users } from './auth/users.ts';
import { Broker, SWEEP_MS } from './broker/broker.ts';
import { BrokerCounters } from './broker/counters.ts';
import { TcpListener } from './broker/listeners/tcp.ts';
import { LocalDelivery } from './broker/local-delivery.ts';
import { MemoryRetainedStore } from './broker/memory-retained-store.ts';
import { MemorySessionStore } from './broker/memory-session-store.ts';
import type { Config } from './config.ts';
import { systemClock, type Timer } from './lib/clock.ts';
import { DataDir, type NodeInfo } from './lib/data-dir.ts';
import { Lifecycle } from './lib/lifecycle.ts';
import { type Logger, rateLimited } from './lib/log.ts';
import { randomId } from './lib/random.ts';
import { Turn } from './lib/turn.ts';
import { Router } from './router/router.ts';

/** Connections that the system holds for us to accept: more than any burst that the rate limit lets through at once. */
const LISTEN_BACKLOG = 4096;
/** How often a drain looks whether the last connection is gone. */
const DRAIN_POLL_MS = 20;

export interface PlexusNode {
  /** The content of `DATA_DIR/node.json`. */
  readonly info: NodeInfo;
  /** Stops accepting, tells clients, sends what is on its way, stops; at the latest after `drainTimeoutMs`. Idempotent. */
  drain(): Promise<void>;
  /** Stops at once. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Builds a node from its configuration and starts it; resolves when every listener is up. This is the only place where
 * parts are made and joined.
 * @throws {PlexusError} data_dir_locked, data_dir_unusable, address_in_use; nothing is left running then
 */
export async function startNode(config: Config, { log }: { log: Logger }): Promise<PlexusNode> {
  const clock = systemClock;
  const dataDir = DataDir.open(config.dataDir);
  const startedAtMs = clock.wallMs();
  const broker = makeBroker(config, log);
  const tcp = new TcpListener({ host: config.host, port: config.mqttPort, backlog: LISTEN_BACKLOG }, broker.accept);
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
  let listening = false;
  const unmet = (): string[] => {
    if (draining) return ['draining'];
    return listening ? [] : ['starting'];
  };
  let draining = false;
  const admin = await createAdmin(
    {
      ...brokerPorts(broker),
      node: {
        describe: () => ({
          ...info,
          startedAt: new Date(startedAtMs).toISOString(),
          uptimeS: (clock.wallMs() - startedAtMs) / 1000,
        }),
      },
      readiness: { unmet },
      log,
    },
    config,
  );

  const lifecycle = new Lifecycle(clock, (part, error) => log.error({ err: error, part }, 'fault while stopping'));
  lifecycle.add('data directory', { stop: () => dataDir.close() });
  let sweep: Timer | null = null;
  lifecycle.add('broker', {
    start: () => {
      sweep = clock.setInterval(() => broker.sweep(), SWEEP_MS);
    },
    drain: (deadline) => {
      broker.drain();
      return untilTrue(() => broker.connections === 0 || deadline.aborted);
    },
    stop: () => {
      sweep?.cancel();
      broker.stop();
      broker.context.limitedLog.stop();
    },
  });
  lifecycle.add('http', {
    start: async () => {
      info.httpPort = await admin.listen();
    },
    drain: () => admin.drain(),
    stop: () => admin.stop(),
  });
  lifecycle.add('mqtt over tcp', {
    start: async () => {
      info.mqttPort = await tcp.start();
    },
    drain: () => tcp.stopAccepting(),
    stop: () => tcp.stopAccepting(),
  });
  lifecycle.add('node.json', {
    start: () => {
      listening = true;
      dataDir.writeNodeInfo(info);
      log.info({ ...info, event: 'node_started' }, 'node started');
    },
    drain: () => {
      draining = true;
    },
  });
  try {
    await lifecycle.start();
  } catch (error) {
    dataDir.close();
    throw error;
  }
  return {
    info,
    drain: () => lifecycle.drain(config.drainTimeoutMs),
    stop: () => lifecycle.stop(),
  };
}

function makeBroker(config: Config, log: Logger): Broker {
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

async function untilTrue(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => systemClock.setTimeout(resolve, DRAIN_POLL_MS));
}
