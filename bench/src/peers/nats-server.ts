import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Peer } from './peer.ts';
import { accepts, freePort, launch, printedVersion, stopProcess, untilReady } from './processes.ts';

/**
 * `max_pending` and `write_deadline` are raised so that it neither cuts a consumer off nor stalls producers for one.
 */
const config = (port: number): string => `
listen: "127.0.0.1:${port}"
max_pending: 2GB
write_deadline: "120s"
ping_interval: "1h"
logfile: "/dev/null"
`;

export const natsServer: Peer = {
  name: 'nats-server',
  protocol: 'nats',
  transports: ['tcp'],
  mqtt5: false,
  groups: false,
  isBroker: true,
  version: () => printedVersion('nats-server', ['--version']),
  async start(directory) {
    const port = await freePort();
    const file = join(directory, 'nats.conf');
    await writeFile(file, config(port));
    const child = launch('nats-server', ['-c', file]);
    await untilReady('nats-server', child, () => accepts(port));
    return { port, pid: child.pid!, stop: () => stopProcess(child) };
  },
};
