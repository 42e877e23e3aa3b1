import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { PlexusError } from '@plexus/protocol';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { asPlexusError } from './error-answer.ts';
import { createHostRule } from './host-rule.ts';
import { createMetrics } from './metrics.ts';
import type { AdminPorts } from './ports.ts';
import { clientRoutes, sessionRoutes } from './routes/clients.ts';
import { healthRoutes, metricsRoute } from './routes/health.ts';
import { nodeRoutes } from './routes/node.ts';
import { publishRoutes } from './routes/publish.ts';
import { validatorCompiler } from './validator.ts';

export type AdminConfig = Pick<
  Config,
  'host' | 'httpPort' | 'httpHosts' | 'maxPacketBytes' | 'maxTopicBytes' | 'maxTopicLevels'
>;

export interface Admin {
  /** @returns the port. @throws PlexusError `address_in_use`, `address_unavailable`. */
  listen(): Promise<number>;
  /** Takes no new request, and waits for those under way. Idempotent. */
  drain(): Promise<void>;
  /** Closes every connection. Idempotent. */
  stop(): Promise<void>;
  /** A request without a socket, for tests. */
  readonly inject: FastifyInstance['inject'];
}

const REQUEST_TIMEOUT_MS = 30_000;
/** Base64 is a third longer than its bytes; JSON may escape. */
const BODY_FACTOR = 2;
const BODY_ROOM_BYTES = 64 * 1024;
/** A client id may be long, and every byte of it percent-encoded; Node takes 16 KiB of head. */
const MAX_PARAM_LENGTH = 16 * 1024;

/** The HTTP side of a node: API, health and metrics. */
export async function createAdmin(ports: AdminPorts, config: AdminConfig): Promise<Admin> {
  const bodyLimit = config.maxPacketBytes * BODY_FACTOR + BODY_ROOM_BYTES;
  const app = Fastify({
    bodyLimit,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    forceCloseConnections: 'idle',
    clientErrorHandler(error, socket) {
      if (!socket.writable) return void socket.destroy();
      const body = JSON.stringify(new PlexusError('bad_request', { reason: error.message }));
      const head = `HTTP/1.1 400 ${STATUS_CODES[400]}\r\nContent-Type: application/json\r\nConnection: close\r\n`;
      socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  const metrics = createMetrics(ports.stats, ports.readiness, ports.node);

  app.setValidatorCompiler(validatorCompiler);
  // A page elsewhere can send text/plain without asking first; we want JSON alone.
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler((thrown, _request, reply) => {
    const error = asPlexusError(thrown, bodyLimit, ports.log);
    return reply.code(error.httpStatus).type('application/json').send(JSON.stringify(error));
  });
  app.setNotFoundHandler(({ method, url }) => {
    throw new PlexusError('not_found', { path: `${method} ${url.split('?')[0]}` });
  });
  const checkHost = createHostRule(config.httpHosts);
  app.addHook('onRequest', async ({ headers, routeOptions }) => {
    if (routeOptions.url?.startsWith('/health/') !== true) checkHost(headers);
  });

  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Plexus', version: ports.node.describe().version } },
  });
  await app.register(healthRoutes(ports.readiness));
  await app.register(metricsRoute(metrics));
  const api = { prefix: '/api/v1' };
  await app.register(nodeRoutes(ports), api);
  await app.register(clientRoutes(ports.clients), api);
  await app.register(sessionRoutes(ports.sessions), api);
  await app.register(publishRoutes(ports.publisher, ports.clients, config), api);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  app.addHook('onClose', async () => metrics.stop());
  await app.ready();

  return {
    listen: () => listen(app, config.host, config.httpPort),
    drain: async () => {
      await app.close();
    },
    stop: async () => {
      const closed = app.close();
      app.server.closeAllConnections();
      await closed;
    },
    inject: app.inject.bind(app) as FastifyInstance['inject'],
  };
}

type App = Pick<FastifyInstance, 'listen' | 'server'>;

async function listen(app: App, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const details = { host, port, key: 'httpPort' };
    if (code === 'EADDRINUSE') throw new PlexusError('address_in_use', details, { cause });
    throw new PlexusError('address_unavailable', { ...details, reason: message }, { cause });
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
