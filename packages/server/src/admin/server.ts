import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { aloneOf, NO_PEERS } from './alone.ts';
import { answerErrors } from './error-answer.ts';
import { createHostRule } from './host-rule.ts';
import { HttpServer, type HttpServerOptions, refuse } from './http-server.ts';
import { LongAnswers } from './long-answers.ts';
import { meshWarnings } from './mesh-warnings.ts';
import { createMetrics } from './metrics.ts';
import type { AdminPorts } from './ports.ts';
import { PullConsumers } from './pull-consumers.ts';
import { clientRoutes, sessionRoutes } from './routes/clients.ts';
import { clusterRoutes } from './routes/cluster.ts';
import { healthRoutes, metricsRoute } from './routes/health.ts';
import { meshRoutes } from './routes/mesh.ts';
import { nodeRoutes } from './routes/node.ts';
import { pageRoutes } from './routes/pages.ts';
import { peerRoutes } from './routes/peers.ts';
import { publishRoutes } from './routes/publish.ts';
import { storeRoutes } from './routes/stores.ts';
import type { Warning } from './schemas.ts';
import { serveWebSockets, type WebSocketServing } from './upgrade.ts';
import { validatorCompiler } from './validator.ts';

export type AdminConfig = Pick<
  Config,
  'host' | 'httpPort' | 'httpHosts' | 'maxPacketBytes' | 'maxTopicBytes' | 'maxTopicLevels'
>;

/** How the HTTP port is served. */
export interface HttpServing extends HttpServerOptions {
  /** null: no MQTT over WebSocket. */
  readonly webSocket: WebSocketServing | null;
}

const PLAIN: HttpServing = { tls: null, webSocket: null, maxConnections: 1024 };

export interface Admin {
  /** @returns the port. @throws PlexusError `address_in_use`, `address_unavailable`. */
  listen(): Promise<number>;
  /** Takes no new request or WebSocket, and waits for the requests under way. WebSockets go on. Idempotent. */
  drain(): Promise<void>;
  /** Closes every connection, WebSockets too. Idempotent. */
  stop(): Promise<void>;
  /** A request without a socket, for tests. */
  readonly inject: FastifyInstance['inject'];
  /** Every route that there is, as `GET /api/v1/clients/:realm/:clientId`. */
  readonly routes: readonly string[];
}

/** Connections that the system holds for us to accept: WebSockets of clients come in bursts. */
const LISTEN_BACKLOG = 4096;
/** Base64 is a third longer than its bytes; JSON may escape. */
const BODY_FACTOR = 2;
const BODY_ROOM_BYTES = 64 * 1024;
/** A client id may be long, and every byte of it percent-encoded; Node takes 16 KiB of head. */
const MAX_PARAM_LENGTH = 16 * 1024;

/** The HTTP side of a node: API, health, metrics, and MQTT over WebSocket. */
export async function createAdmin(ports: AdminPorts, config: AdminConfig, serving = PLAIN): Promise<Admin> {
  const bodyLimit = config.maxPacketBytes * BODY_FACTOR + BODY_ROOM_BYTES;
  let http: HttpServer | null = null;
  const app = Fastify({
    bodyLimit,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    forceCloseConnections: 'idle',
    serverFactory(handler) {
      http = new HttpServer(handler, serving);
      return http.server;
    },
    clientErrorHandler: ({ message }, socket) => refuse(socket, new PlexusError('bad_request', { reason: message })),
  }).withTypeProvider<TypeBoxTypeProvider>();
  const peers = ports.peers ?? NO_PEERS;
  const cluster = ports.cluster ?? aloneOf(ports.node.describe());
  const { mesh = null, clock } = ports;
  const metrics = createMetrics({ ...ports, peers, cluster });
  const warnings = (): Warning[] => (mesh === null ? [] : meshWarnings(mesh.health(), clock.wallMs()));

  app.setValidatorCompiler(validatorCompiler);
  // A page elsewhere can send text/plain without asking first; we want JSON alone.
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler(answerErrors(bodyLimit, ports.log));
  app.setNotFoundHandler(({ method, url }) => {
    throw new PlexusError('not_found', { path: `${method} ${url.split('?')[0]}` });
  });
  const checkHost = createHostRule(config.httpHosts);
  // With a callback: a promise for every request would be felt where there are many.
  app.addHook('onRequest', ({ headers, routeOptions }, _reply, done) => {
    if (routeOptions.url?.startsWith('/health/') !== true) checkHost(headers);
    done();
  });
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one} ${url}`);
  });
  const answers = new LongAnswers(ports.clock);
  const pull = new PullConsumers(ports.clock);

  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Plexus', version: ports.node.describe().version } },
  });
  await app.register(healthRoutes(ports.readiness, warnings));
  await app.register(metricsRoute(metrics));
  await app.register(pageRoutes());
  const api = { prefix: '/api/v1' };
  await app.register(nodeRoutes({ ...ports, warnings }), api);
  await app.register(clientRoutes(ports.clients), api);
  await app.register(sessionRoutes(ports.sessions), api);
  await app.register(publishRoutes(ports.publisher, ports.clients, config), api);
  await app.register(peerRoutes(peers, cluster), api);
  await app.register(clusterRoutes(cluster, ports.localInterest, config), api);
  await app.register(meshRoutes(mesh, ports.node.describe().nodeId, config), api);
  await app.register(storeRoutes({ ...ports, answers, pull }), api);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  app.addHook('onClose', async () => metrics.stop());
  await app.ready();

  const connections = http!;
  const upgrades = serveWebSockets(connections, checkHost, serving.webSocket);
  let closed: Promise<void> | null = null;
  // Ends only when the last WebSocket is gone.
  const close = (): Promise<void> => {
    upgrades.stop();
    answers.drain();
    pull.drain();
    closed ??= app.close();
    return closed;
  };
  return {
    listen: () => listen(app, config.host, config.httpPort),
    async drain() {
      void close();
      await connections.drain();
    },
    async stop() {
      const gone = close();
      connections.closeAll();
      await gone;
    },
    inject: app.inject.bind(app) as FastifyInstance['inject'],
    routes,
  };
}

type App = Pick<FastifyInstance, 'listen' | 'server'>;

async function listen(app: App, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port, backlog: LISTEN_BACKLOG });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const details = { host, port, key: 'httpPort' };
    if (code === 'EADDRINUSE') throw new PlexusError('address_in_use', details, { cause });
    throw new PlexusError('address_unavailable', { ...details, reason: message }, { cause });
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
