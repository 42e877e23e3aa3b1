import net from 'node:net';
import { PlexusError } from '@plexus/protocol';
import type { AcceptConnection, Listener, Transport, TransportHandler } from '../transport.ts';

export interface TcpListenerOptions {
  host: string;
  /** 0 picks a free port. */
  port: number;
  /** Connections that wait in the system to be accepted. */
  backlog: number;
}

/** MQTT over plain TCP. */
export class TcpListener implements Listener {
  readonly name = 'tcp';
  #options: TcpListenerOptions;
  #server: net.Server;

  constructor(options: TcpListenerOptions, accept: AcceptConnection) {
    this.#options = options;
    this.#server = net.createServer({ noDelay: true }, (socket) => serve(socket, this.name, accept));
  }

  start(): Promise<number> {
    const { host, port, backlog } = this.#options;
    return new Promise((resolve, reject) => {
      // Stays for good: an error while accepting must not end the process. Those before listening end the start.
      this.#server.on('error', (error: NodeJS.ErrnoException) => {
        const where = { host, port, key: 'mqttPort' };
        if (error.code === 'EADDRINUSE') reject(new PlexusError('address_in_use', where));
        else reject(new PlexusError('address_unavailable', { ...where, reason: error.message }, { cause: error }));
      });
      this.#server.listen({ host, port, backlog }, () => resolve((this.#server.address() as net.AddressInfo).port));
    });
  }

  stopAccepting(): Promise<void> {
    // close() calls back only when the last connection is gone; that is not what is waited for here.
    if (this.#server.listening) this.#server.close();
    return Promise.resolve();
  }
}

/** Joins a stream socket to the connection that `accept` makes for it. Shared by every listener on a `net.Socket`. */
export function serve(socket: net.Socket, listener: string, accept: AcceptConnection): void {
  const transport = new SocketTransport(socket);
  const handler = accept(transport, listener);
  if (handler === null) {
    socket.on('error', ignore);
    socket.destroy();
    return;
  }
  transport.attach(handler);
}

class SocketTransport implements Transport {
  readonly remoteAddress: string;
  #socket: net.Socket;
  #handler: TransportHandler | null = null;
  #error: Error | null = null;
  #written: (error?: Error | null) => void = ignore;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
  }

  attach(handler: TransportHandler): void {
    this.#handler = handler;
    // Bound once per connection; nothing is bound per read or write.
    this.#written = (error) => {
      if (error == null) handler.onWritten();
    };
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => handler.onData(chunk));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#handler?.onClosed(this.#error);
      this.#handler = null;
    });
  }

  write(slices: readonly Uint8Array[], count: number): void {
    const socket = this.#socket;
    if (count === 1) {
      socket.write(slices[0]!, this.#written);
      return;
    }
    socket.cork();
    for (let i = 0; i < count - 1; i++) socket.write(slices[i]!);
    socket.write(slices[count - 1]!, this.#written);
    socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(graceMs: number): void {
    this.#socket.end();
    // A peer that sends no FIN of its own would hold the socket for ever.
    this.#socket.setTimeout(graceMs, () => this.#socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function ignore(): void {}
