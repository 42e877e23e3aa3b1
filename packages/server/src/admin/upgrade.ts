import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { PlexusError } from '@plexus/protocol';
import { MQTT_SUBPROTOCOL, WebSocketListener, type WebSocketOptions } from '../broker/listeners/web-socket.ts';
import type { AcceptConnection } from '../broker/transport.ts';
import type { HostRule } from './host-rule.ts';
import { type HttpServer, refuse } from './http-server.ts';

const MQTT_PATH = '/mqtt';

/** MQTT over WebSocket on the HTTP port. */
export interface WebSocketServing extends WebSocketOptions {
  readonly accept: AcceptConnection;
}

export interface Upgrades {
  /** Takes no more WebSockets; those that are there go on. */
  stop(): void;
}

/**
 * Takes WebSockets at `/mqtt`. What the HTTP API would not answer is refused in the same words; and a page elsewhere can open a
 * WebSocket to us without asking, so Origin is the only guard there is (RFC 6455 §10.2).
 */
export function serveWebSockets(http: HttpServer, checkHost: HostRule, serving: WebSocketServing | null): Upgrades {
  let stopped = false;
  const listener =
    serving === null
      ? null
      : new WebSocketListener(serving, serving.accept, (socket, reason) =>
          refuse(socket, new PlexusError('bad_request', { reason })),
        );
  http.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', ignore);
    try {
      checkHost(request.headers);
      const path = request.url?.split('?')[0] ?? '';
      if (listener === null || path !== MQTT_PATH) throw new PlexusError('not_found', { path: `WebSocket ${path}` });
      if (stopped) throw new PlexusError('shutting_down');
      checkSubprotocol(request.headers['sec-websocket-protocol']);
      http.upgraded(socket);
      listener.upgrade(request, socket, head);
    } catch (error) {
      if (!(error instanceof PlexusError)) throw error;
      refuse(socket, error);
    }
  });
  return {
    stop: () => {
      stopped = true;
    },
  };
}

/** [MQTT-6.0.0-3] */
function checkSubprotocol(offered: string | undefined): void {
  const names = offered?.split(',').map((name) => name.trim()) ?? [];
  if (names.includes(MQTT_SUBPROTOCOL)) return;
  throw new PlexusError('bad_request', { reason: `the WebSocket subprotocol ${MQTT_SUBPROTOCOL} must be offered` });
}

function ignore(): void {}
