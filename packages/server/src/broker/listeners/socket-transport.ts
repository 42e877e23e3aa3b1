import type net from 'node:net';
import { PlexusError } from '@plexus/protocol';
import type { AcceptConnection, Transport, TransportHandler } from '../transport.ts';

/** Where a listener on sockets of its own binds. */
export interface BindOptions {
  host: string;
  /** 0 picks a free port. */
  port: number;
  /** Connections that wait in the system to be accepted. */
  backlog: number;
}

/**
 * Binds a server.
 * @param key the option that names the port, for errors
 * @returns the port
 * @throws {PlexusError} address_in_use, address_unavailable
 */
export function listen(server: net.Server, { host, port, backlog }: BindOptions, key: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // Stays for good: an error while accepting must not end the process. Those before listening end the start.
    server.on('error', (error: NodeJS.ErrnoException) => {
      const where = { host, port, key };
      if (error.code === 'EADDRINUSE') reject(new PlexusError('address_in_use', where));
      else reject(new PlexusError('address_unavailable', { ...where, reason: error.message }, { cause: error }));
    });
    server.listen({ host, port, backlog }, () => resolve((server.address() as net.AddressInfo).port));
  });
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
