import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Peer, RunningPeer } from './peer.ts';
import { accepts, alone, freePort, launch, printedVersion, together, until, untilReady } from './processes.ts';

interface Ports {
  readonly client: number;
  readonly route: number;
  readonly monitor: number;
}

/**
 * `max_pending` and `write_deadline` are raised so that it neither cuts a consumer off nor stalls producers for one.
 */
const config = ({ client }: Ports): string => `
listen: "127.0.0.1:${client}"
max_pending: 2GB
write_deadline: "120s"
ping_interval: "1h"
logfile: "/dev/null"
`;

const clusterConfig = (own: Ports, all: readonly Ports[]): string => `
http: "127.0.0.1:${own.monitor}"
cluster {
  name: bench
  listen: "127.0.0.1:${own.route}"
  routes: [${all.map(({ route }) => `"nats-route://127.0.0.1:${route}"`).join(', ')}]
}
`;

async function freePorts(): Promise<Ports> {
  return { client: await freePort(), route: await freePort(), monitor: await freePort() };
}

async function startNode(directory: string, ports: Ports, all: readonly Ports[]): Promise<RunningPeer> {
  const file = join(directory, `nats-${ports.client}.conf`);
  await writeFile(file, all.length === 1 ? config(ports) : config(ports) + clusterConfig(ports, all));
  const child = launch('nats-server', ['-c', file]);
  await untilReady('nats-server', child, () => accepts(ports.client));
  return alone(ports.client, child);
}

async function isLinked({ monitor }: Ports, others: number): Promise<true | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${monitor}/routez`);
    const { num_routes: routes } = (await answer.json()) as { num_routes: number };
    return routes >= others ? true : null;
  } catch {
    return null;
  }
}

export const natsServer: Peer = {
  name: 'nats-server',
  protocol: 'nats',
  transports: ['tcp'],
  mqtt5: false,
  groups: false,
  isBroker: true,
  version: () => printedVersion('nats-server', ['--version']),
  async start(directory, { nodes }) {
    const all: Ports[] = [];
    while (all.length < nodes) all.push(await freePorts());
    const running = [];
    for (const ports of all) running.push(await startNode(directory, ports, all));
    if (nodes > 1) for (const ports of all) await until('a route', () => isLinked(ports, nodes - 1));
    return together(running);
  },
};
