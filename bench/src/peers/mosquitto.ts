import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Certificate, makeCertificate } from './certificate.ts';
import type { Peer, Tuning } from './peer.ts';
import { accepts, alone, freePort, launch, printedVersion, untilReady } from './processes.ts';

/**
 * 0 means "no limit" for both `max_` options (mosquitto.conf(5)); nothing is written, logged or sampled.
 * Started as root, it would give that up before it reads the key, which only its owner can.
 * It writes each message by itself, so Nagle's algorithm nearly doubles its throughput, and costs 14 ms of latency.
 */
const config = (port: number, tuning: Tuning, tls: Certificate | null): string => `
listener ${port} 127.0.0.1
${tls === null ? '' : `certfile ${tls.certFile}\nkeyfile ${tls.keyFile}\nuser root`}
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay ${tuning === 'latency'}
sys_interval 0
log_dest none
log_type none
connection_messages false
`;

export const mosquitto: Peer = {
  name: 'mosquitto',
  protocol: 'mqtt',
  transports: ['tcp', 'tls'],
  mqtt5: true,
  groups: true,
  isBroker: true,
  version: () => printedVersion('mosquitto', ['-h']),
  async start(directory, { tuning, transport }) {
    const port = await freePort();
    const file = join(directory, 'mosquitto.conf');
    const tls = transport === 'tls' ? await makeCertificate(directory) : null;
    await writeFile(file, config(port, tuning, tls));
    const child = launch('mosquitto', ['-c', file]);
    await untilReady('mosquitto', child, () => accepts(port));
    return alone(port, child);
  },
};
