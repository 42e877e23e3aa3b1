/** Aedes as a server of its own; tells its parent the port. Its arguments are the tuning and the transport. */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import { createWebSocketStream, WebSocketServer } from 'ws';

const [, , tuning, transport] = process.argv;
// It writes each message by itself, so Nagle's algorithm nearly doubles its throughput, and costs 14 ms of latency.
// More `concurrency` than the default of 100 was no faster.
const noDelay = tuning === 'latency';
const broker = await Aedes.createBroker();

/** As its documentation has it. */
function webSocketServer(): Server {
  const server = createHttpServer();
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (socket, request) => {
    // `ws` has switched Nagle's algorithm off.
    request.socket.setNoDelay(noDelay);
    broker.handle(createWebSocketStream(socket), request);
  });
  return server;
}

const server = transport === 'websocket' ? webSocketServer() : createTcpServer({ noDelay }, broker.handle);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.send!({ port: address.port });
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
