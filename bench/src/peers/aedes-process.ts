/** Aedes as a server of its own; tells its parent the port. Its argument is the tuning. */
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

// It writes each message by itself, so Nagle's algorithm nearly doubles its throughput, and costs 14 ms of latency.
// More `concurrency` than the default of 100 was no faster.
const broker = await Aedes.createBroker();
const server = createServer({ noDelay: process.argv[2] === 'latency' }, broker.handle);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.send!({ port: address.port });
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
