import tls from 'node:tls';
import type { AcceptConnection, Listener } from '../transport.ts';
import { type BindOptions, listen, serve } from './socket-transport.ts';
import { TlsDoor, type TlsServing, tlsServerOptions } from './tls-door.ts';

/** MQTT over TLS. A connection is handed over once its handshake is complete, and its client certificate verified. */
export class TlsListener implements Listener {
  readonly name = 'tls';
  #options: BindOptions;
  #server: tls.Server;
  #door: TlsDoor;

  /** @param accept for connections that the door keeper of `serving` has admitted */
  constructor(options: BindOptions, serving: TlsServing, accept: AcceptConnection) {
    this.#options = options;
    this.#server = tls.createServer({ ...tlsServerOptions(serving), noDelay: true }, (socket) =>
      serve(socket, this.name, accept),
    );
    this.#door = new TlsDoor(this.#server, serving);
  }

  start(): Promise<number> {
    return listen(this.#server, this.#options, 'mqttsPort');
  }

  stopAccepting(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    this.#door.close();
    return Promise.resolve();
  }
}
