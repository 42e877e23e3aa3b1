import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { AcceptConnection } from '../transport.ts';
import { WebSocketTransport } from './web-socket-transport.ts';

/** The subprotocol that clients must offer and servers must choose [MQTT-6.0.0-3], [MQTT-6.0.0-4]. */
export const MQTT_SUBPROTOCOL = 'mqtt';
/** How long a WebSocket may take to close once the close frame is sent. */
const CLOSE_TIMEOUT_MS = 2000;

export interface WebSocketOptions {
  /** Shown in client listings. */
  readonly name: 'ws' | 'wss';
  /** Largest WebSocket message. MQTT packets may be joined in one at will, so it is more than the largest packet. */
  readonly maxMessageBytes: number;
}

/**
 * MQTT over WebSocket, MQTT 5.0 §6 and 3.1.1 §6. It has no socket of its own: the HTTP server hands upgrade requests over, once it
 * has found that their path, origin and subprotocol are right.
 */
export class WebSocketListener {
  readonly name: string;
  readonly #accept: AcceptConnection;
  readonly #server: WebSocketServer;

  /** @param refuse answers a request that is no sound WebSocket handshake */
  constructor(
    { name, maxMessageBytes }: WebSocketOptions,
    accept: AcceptConnection,
    refuse: (socket: Duplex, reason: string) => void,
  ) {
    this.name = name;
    this.#accept = accept;
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      // MQTT payloads are often compressed or small; and per connection it costs more memory than everything else together.
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: () => MQTT_SUBPROTOCOL,
    };
    this.#server = new WebSocketServer(options);
    this.#server.on('wsClientError', (error, socket) => refuse(socket, error.message));
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node types it wider than it is: HTTP servers here have only sockets of TCP and TLS.
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#serve(webSocket, socket as Socket));
  }

  #serve(webSocket: WebSocket, socket: Socket): void {
    const transport = new WebSocketTransport(webSocket, socket);
    const handler = this.#accept(transport, this.name);
    if (handler === null) {
      webSocket.on('error', ignore);
      socket.destroy();
      return;
    }
    transport.attach(handler);
  }
}

function ignore(): void {}
