import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort, launch, stopProcess, untilReady } from '../../peers/processes.ts';
import type { Job } from '../../rows/job.ts';
import { closedLoop, payload } from '../load.ts';
import { peerModule } from '../peer-modules.ts';

const SUBJECTS = 1000;

interface JetStream {
  publish(subject: string, data: string): Promise<unknown>;
}
interface Connection {
  close(): Promise<void>;
}
type Transport = { connect(options: object): Promise<Connection> };
type Client = {
  jetstream(connection: Connection): JetStream;
  jetstreamManager(connection: Connection): Promise<{ streams: { add(config: object): Promise<unknown> } }>;
};

/** The same appends to a JetStream stream in a file, as it comes: its default does not fsync before it acknowledges. */
export const jetStream: Job = async ({ directory, measureMs, parameters }) => {
  const transport = await peerModule<Transport>('@nats-io/transport-node');
  const client = await peerModule<Client>('@nats-io/jetstream');
  const port = await freePort();
  const data = mkdtempSync(join(directory, 'jetstream-'));
  const file = join(data, 'nats.conf');
  writeFileSync(file, `listen: "127.0.0.1:${port}"\njetstream: {store_dir: "${data}"}\nlogfile: "/dev/null"\n`);
  const server = launch('nats-server', ['-c', file]);
  try {
    await untilReady('nats-server', server, () => accepts(port));
    const connection = await transport.connect({ servers: `127.0.0.1:${port}` });
    const manager = await client.jetstreamManager(connection);
    await manager.streams.add({ name: 'bench', subjects: ['stream.*'], storage: 'file' });
    const publisher = client.jetstream(connection);
    const rate = await closedLoop(parameters.inFlight!, measureMs, (n) =>
      publisher.publish(`stream.${n % SUBJECTS}`, JSON.stringify(payload(n))),
    );
    await connection.close();
    return { perSecond: rate };
  } finally {
    await stopProcess(server);
  }
};
