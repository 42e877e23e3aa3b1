import packageJson from '../package.json' with { type: 'json' };
import { brokerPorts } from './admin/broker-ports.ts';
import type { AdminPorts } from './admin/ports.ts';
import { createAdmin } from './admin/server.ts';
import { DEFAULT_REALM, Users } from './auth/users.ts';
import { Broker, SWEEP_MS } from './broker/broker.ts';
import { BrokerCounters } from './broker/counters.ts';
import { TcpListener } from './broker/listeners/tcp.ts';
import { LocalDelivery } from './broker/local-delivery.ts';
import { MemoryRetainedStore } from './broker/memory-retained-store.ts';
import { MemorySessionStore } from './broker/memory-session-store.ts';
import { SysTopics } from './broker/sys-topics.ts';
import type { Config } from './config.ts';
import { type Clock, systemClock, type Timer } from './lib/clock.ts';
import { DataDir, type NodeInfo } from './lib/data-dir.ts';
import { Lifecycle, type LifecyclePart } from './lib/lifecycle.ts';
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
 * @throws {PlexusError} data_dir_locked, data_dir_unusable, address_in_use, address_unavailable; nothing is left running
 */
export async function startNode(config: Config, { log }: { log: Logger }): Promise<PlexusNode> {
  const dataDir = DataDir.open(config.dataDir);
  try {
    const node = await build(config, dataDir, log);
    await node.lifecycle.start();
    return {
      info: node.info,
      drain: () => node.lifecycle.drain(config.drainTimeoutMs),
      stop: () => node.lifecycle.stop(),
    };
  } catch (error) {
    dataDir.close();
    throw error;
  }
}

async function build(config: Config, dataDir: DataDir, log: Logger): Promise<{ info: NodeInfo; lifecycle: Lifecycle }> {
  const clock = systemClock;
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
  const readiness = new NodeReadiness();
  const admin = await createAdmin({ ...brokerPorts(broker), node: description(info, clock), readiness, log }, config);

  const lifecycle = new Lifecycle(clock, (part, error) => log.error({ err: error, part }, 'fault while stopping'));
  lifecycle.add('data directory', { stop: () => dataDir.close() });
  lifecycle.add('broker', brokerPart(broker, clock, config.sysIntervalS));
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
  return { info, lifecycle };
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
