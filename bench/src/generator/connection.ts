import { once } from 'node:events';
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Transport } from '../plan.ts';
import type { ReceiveBytes } from './receivers.ts';
import { FrameWriter, ServerFrames, upgradeAnswer, upgradeRequest } from './websocket.ts';
import type { Wire } from './wire.ts';

/** Where a broker listens. */
export interface Endpoint {
  /** Default: loopback. */
  readonly host?: string;
  readonly port: number;
  readonly transport: Transport;
}

/** One read buffer for all connections: every handler is done with it when it returns. */
const readBuffer = Buffer.alloc(256 * 1024);

/** The same for all brokers, and the cheapest that all have. */
const TLS = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256', rejectUnauthorized: false } as const;

/** A connection to the broker under load. Losing it throws, which ends the run with that reason. */
export class Connection {
  readonly socket: Socket;
  closed = false;
  #mayClose = false;
  #receive: ReceiveBytes | null = null;
  /** Came before anybody asked for it. */
  #early = Buffer.alloc(0);
  /** Both null unless the connection is a WebSocket that has been opened. */
  #frames: ServerFrames | null = null;
  #framing: FrameWriter | null = null;

  private constructor(socket: (onread: OnReadOpts) => Socket) {
    const callback = (length: number): boolean => {
      if (this.#frames === null) this.#arrived(length, readBuffer);
      else this.#frames.take(length, readBuffer);
      return true;
    };
    this.socket = socket({ buffer: readBuffer, callback });
    this.socket.on('error', (error) => this.#lost(error.message));
    this.socket.on('close', () => this.#lost('the broker closed it'));
  }

  /** Connects and, with a filter, subscribes; resolves when the broker has answered. */
  static async open(endpoint: Endpoint, wire: Wire, clientId: string, filter: string | null): Promise<Connection> {
    const { host = '127.0.0.1', port, transport } = endpoint;
    const isTls = transport === 'tls';
    const connection = new Connection((onread) => {
      const options = { port, host, noDelay: true, onread, ...TLS };
      return isTls ? connectTls(options) : connectTcp(options);
    });
    await once(connection.socket, isTls ? 'secureConnect' : 'connect');
    if (isTls) connection.socket.setNoDelay(true);
    if (transport === 'websocket') await connection.#upgrade(port);
    await connection.#request(wire.connect(clientId), (seen) => wire.connectAnswer(seen));
    if (filter !== null) await connection.#request(wire.subscribe(filter), (seen) => wire.subscribeAnswer(seen));
    return connection;
  }

  /** From now on, bytes go to `receive`. */
  onBytes(receive: ReceiveBytes): void {
    this.#receive = receive;
    const early = this.#early;
    this.#early = Buffer.alloc(0);
    if (early.length > 0) receive(early.length, early);
  }

  /** The buffer must stay as it is. */
  write(bytes: Buffer): void {
    this.socket.write(this.#framing === null ? bytes : this.#framing.frame(bytes));
  }

  /** Stops reading for good; the broker may then close this connection without failing the run. */
  freeze(): void {
    this.#mayClose = true;
    this.socket.pause();
  }

  /** Ends it from this side. */
  close(): void {
    this.#mayClose = true;
    this.socket.destroy();
  }

  async #upgrade(port: number): Promise<void> {
    await this.#request(upgradeRequest(port), upgradeAnswer);
    this.#framing = new FrameWriter();
    this.#frames = new ServerFrames(
      (length, buffer) => this.#arrived(length, buffer),
      (bytes) => this.socket.write(bytes),
    );
    const frames = this.#early;
    this.#early = Buffer.alloc(0);
    this.#frames.take(frames.length, frames);
  }

  #arrived(length: number, buffer: Buffer): void {
    if (this.#receive === null) this.#early = Buffer.concat([this.#early, buffer.subarray(0, length)]);
    else this.#receive(length, buffer);
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
    this.write(bytes);
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
