import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type { PlexusError } from '@plexus/protocol';
import { TlsDoor, type TlsServing, tlsServerOptions } from '../broker/listeners/tls-door.ts';

const REQUEST_TIMEOUT_MS = 30_000;
/** A stranger that sends a head byte by byte holds a connection for this long, and the time to the next look. */
const HEADERS_TIMEOUT_MS = 10_000;
const TIMEOUT_CHECK_MS = 2_000;
const KEEP_ALIVE_TIMEOUT_MS = 72_000;
/** How long one that was refused may take to read why. */
const REFUSAL_GRACE_MS = 1000;

export interface HttpServerOptions {
  /** null: HTTP without TLS. */
  readonly tls: TlsServing | null;
  /** Further ones are closed as they come. WebSockets count. */
  readonly maxConnections: number;
}

/** The HTTP server under fastify, and what has to be known of its connections to drain it while WebSockets go on. */
export class HttpServer {
  readonly server: http.Server;
  readonly #door: TlsDoor | null;
  readonly #webSockets = new Set<Duplex>();
  #requests = 0;
  #onIdle: (() => void) | null = null;

  constructor(handler: http.RequestListener, { tls, maxConnections }: HttpServerOptions) {
    const options: http.ServerOptions = {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      noDelay: true,
      // Other upgrades (h2c, which curl offers) are ignored, and the request answered as it is, RFC 9110 §7.8.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    };
    this.server =
      tls === null
        ? http.createServer(options, handler)
        : https.createServer({ ...options, ...tlsServerOptions(tls) }, handler);
    this.server.maxConnections = maxConnections;
    this.#door = tls === null ? null : new TlsDoor(this.server as https.Server, tls);
    this.server.on('request', (_request, response) => {
      this.#requests++;
      response.once('close', () => this.#answered());
    });
  }

  /** Counts a socket that speaks no HTTP any more. */
  upgraded(socket: Duplex): void {
    this.#webSockets.add(socket);
    socket.once('close', () => this.#webSockets.delete(socket));
  }

  /** Waits for the requests under way, then closes every connection that is no WebSocket. The server has stopped listening. */
  async drain(): Promise<void> {
    this.#door?.close();
    if (this.#requests > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.server.closeAllConnections();
  }

  closeAll(): void {
    this.#door?.close();
    this.server.closeAllConnections();
    for (const socket of this.#webSockets) socket.destroy();
  }

  #answered(): void {
    this.#requests--;
    if (this.#requests === 0) this.#onIdle?.();
  }
}

/** Answers on a connection that no request of fastify's belongs to, and closes it. */
export function refuse(socket: Duplex, error: PlexusError): void {
  if (!socket.writable) return void socket.destroy();
  const body = JSON.stringify(error);
  const head =
    `HTTP/1.1 ${error.httpStatus} ${http.STATUS_CODES[error.httpStatus]}\r\n` +
    'Content-Type: application/json\r\nConnection: close\r\n';
  socket.on('error', ignore);
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  // The other end may never close its side; and closing ours while it sends would take the answer away from it.
  socket.resume();
  if ('setTimeout' in socket)
    (socket as http.OutgoingMessage['socket'])?.setTimeout(REFUSAL_GRACE_MS, () => socket.destroy());
}

function ignore(): void {}
