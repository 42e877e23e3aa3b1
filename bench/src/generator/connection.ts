import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import type { ReceiveBytes } from './receivers.ts';
import type { Wire } from './wire.ts';

/** One read buffer for all connections: every handler is done with it when it returns. */
const readBuffer = Buffer.alloc(256 * 1024);

/** A TCP connection to the broker under load. Losing it throws, which ends the run with that reason. */
export class Connection {
  readonly socket: Socket;
  closed = false;
  #mayClose = false;
  #receive: ReceiveBytes | null = null;
  /** Came before anybody asked for it. */
  #early = Buffer.alloc(0);

  private constructor(port: number) {
    const callback = (length: number): boolean => {
      if (this.#receive === null) this.#early = Buffer.concat([this.#early, readBuffer.subarray(0, length)]);
      else this.#receive(length, readBuffer);
      return true;
    };
    this.socket = connectTcp({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: readBuffer, callback } });
    this.socket.on('error', (error) => this.#lost(error.message));
    this.socket.on('close', () => this.#lost('the broker closed it'));
  }

  /** Connects and, with a filter, subscribes; resolves when the broker has answered. */
  static async open(port: number, wire: Wire, clientId: string, filter: string | null): Promise<Connection> {
    const connection = new Connection(port);
    await once(connection.socket, 'connect');
    await connection.#request(wire.connect(clientId), (seen) => wire.connectAnswer(seen));
    if (filter !== null) await connection.#request(wire.subscribe(filter), (seen) => wire.subscribeAnswer(seen));
    return connection;
  }

  /** From now on, bytes go to `receive`. */
  onBytes(receive: ReceiveBytes): void {
    this.#receive = receive;
    if (this.#early.length > 0) receive(this.#early.length, this.#early);
    this.#early = Buffer.alloc(0);
  }

  /** Stops reading for good; the broker may then close this connection without failing the run. */
  freeze(): void {
    this.#mayClose = true;
    this.socket.pause();
  }

  #request(bytes: Buffer, answerLength: (seen: Buffer) => number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let seen = Buffer.alloc(0);
    this.onBytes((length, buffer) => {
      seen = Buffer.concat([seen, buffer.subarray(0, length)]);
      const answered = answerLength(seen);
      if (answered === 0) return;
      this.#receive = null;
      this.#early = Buffer.from(seen.subarray(answered));
      resolve();
    });
    this.socket.write(bytes);
    return promise;
  }

  #lost(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    if (!this.#mayClose) throw new Error(`connection lost: ${reason}`);
  }
}

/** Opens `count` connections, at most 100 at once so that the accept queue never overflows. */
export async function openConnections(
  count: number,
  open: (index: number) => Promise<Connection>,
): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < count) {
    const batch = Math.min(100, count - connections.length);
    const first = connections.length;
    connections.push(...(await Promise.all(Array.from({ length: batch }, (_, index) => open(first + index)))));
  }
  return connections;
}
