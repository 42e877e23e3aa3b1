import type net from 'node:net';
import type tls from 'node:tls';
import type { Doorkeeper } from '../transport.ts';
import type { TlsCredentials } from './tls-credentials.ts';

/** What every listener over TLS is given. */
export interface TlsServing {
  readonly credentials: TlsCredentials;
  readonly doorkeeper: Doorkeeper;
  /** Milliseconds from the connection to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** Handshakes under way at once; for one more, the oldest goes. */
  readonly maxHandshakes: number;
}

/** For `tls.createServer` and `https.createServer`. */
export function tlsServerOptions({ credentials, handshakeTimeoutMs }: TlsServing): tls.TlsOptions {
  return { ...credentials.options, ...credentials.clientCheck, handshakeTimeout: handshakeTimeoutMs };
}

interface Handshake {
  readonly socket: net.Socket;
  /** Why it failed, as far as OpenSSL said. */
  detail: string;
}

/**
 * Stands in front of a TLS server: refuses connections before their handshake costs anything, bounds the handshakes under
 * way, counts those that fail, and gives new connections the new certificate when it has changed.
 */
export class TlsDoor {
  readonly #doorkeeper: Doorkeeper;
  readonly #maxHandshakes: number;
  /** Under way, oldest first, by the address and port of the other end. */
  readonly #handshakes = new Map<string, Handshake>();
  readonly #forgetCredentials: () => void;

  constructor(server: tls.Server, { credentials, doorkeeper, maxHandshakes }: TlsServing) {
    this.#doorkeeper = doorkeeper;
    this.#maxHandshakes = maxHandshakes;
    // Node begins the handshake in its own listener for this event, which may be emitted by anybody, says its documentation.
    const begin = server.listeners('connection') as ((socket: net.Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: net.Socket) => {
      if (!this.#enters(socket)) socket.destroy();
      else for (const listener of begin) listener.call(server, socket);
    });
    server.on('secureConnection', (socket) => void this.#handshakes.delete(keyOf(socket)));
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const handshake = this.#handshakes.get(keyOf(socket));
      if (handshake !== undefined) handshake.detail = error.code ?? error.message;
      // One that took too long is still open.
      socket.destroy();
    });
    this.#forgetCredentials = credentials.onChange((options) => server.setSecureContext(options));
  }

  get handshakes(): number {
    return this.#handshakes.size;
  }

  /** Ends every handshake under way. */
  close(): void {
    this.#forgetCredentials();
    for (const { socket } of this.#handshakes.values()) socket.destroy();
  }

  #enters(socket: net.Socket): boolean {
    const { remoteAddress } = socket;
    socket.on('error', ignore);
    // Gone before it was accepted.
    if (remoteAddress === undefined) return false;
    if (!this.#doorkeeper.admits(remoteAddress)) return false;
    if (this.#handshakes.size >= this.#maxHandshakes) {
      const [oldest] = this.#handshakes.values();
      oldest?.socket.destroy();
    }
    const key = keyOf(socket);
    const handshake = { socket, detail: 'the connection closed during the handshake' };
    this.#handshakes.set(key, handshake);
    socket.once('close', () => {
      // Another connection may have come from the same port since.
      if (this.#handshakes.get(key) !== handshake) return;
      this.#handshakes.delete(key);
      this.#doorkeeper.refused('tls_failed', remoteAddress, handshake.detail);
    });
    return true;
  }
}

function keyOf({ remoteAddress, remotePort, localAddress }: net.Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

function ignore(): void {}
