import net from 'node:net';
import type { AcceptConnection, Listener } from '../transport.ts';
import { type BindOptions, listen, serve } from './socket-transport.ts';

/** MQTT over plain TCP. */
export class TcpListener implements Listener {
  readonly name = 'tcp';
  #options: BindOptions;
  #server: net.Server;

  constructor(options: BindOptions, accept: AcceptConnection) {
    this.#options = options;
    this.#server = net.createServer({ noDelay: true }, (socket) => serve(socket, this.name, accept));
  }

  start(): Promise<number> {
    return listen(this.#server, this.#options, 'mqttPort');
  }

  stopAccepting(): Promise<void> {
    // close() calls back only when the last connection is gone; that is not what is waited for here.
    if (this.#server.listening) this.#server.close();
    return Promise.resolve();
  }
}
