import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  /** One character per byte. */
  readonly body: string;
}

/** A node answers to it wherever it listens. */
const HOST_HEADER = 'localhost';

/** One keep-alive connection that has one request on its way at a time. Knows only answers that say their length. */
export class HttpConnection {
  readonly #socket: Socket;
  #seen = '';
  #answered: ((answer: HttpAnswer) => void) | null = null;
  #failed: ((error: Error) => void) | null = null;

  constructor(port: number, host = '127.0.0.1') {
    this.#socket = connect({ port, host, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#read(text));
    this.#socket.on('error', (error) => this.#failed?.(error));
    this.#socket.on('close', () => this.#failed?.(new Error('the connection was closed')));
  }

  get(path: string): Promise<HttpAnswer> {
    return this.#request(`GET ${path} HTTP/1.1\r\nhost: ${HOST_HEADER}\r\n\r\n`);
  }

  post(path: string, body: string): Promise<HttpAnswer> {
    const length = Buffer.byteLength(body);
    return this.#request(
      `POST ${path} HTTP/1.1\r\nhost: ${HOST_HEADER}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
    );
  }

  close(): void {
    this.#failed = null;
    this.#socket.destroy();
  }

  #request(text: string): Promise<HttpAnswer> {
    this.#socket.write(text);
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
    });
  }

  #read(text: string): void {
    this.#seen += text;
    const head = this.#seen.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#seen)?.[1] ?? 0);
    const end = head + 4 + length;
    if (this.#seen.length < end) return;
    const answer = { status: Number(this.#seen.slice(9, 12)), body: this.#seen.slice(head + 4, end) };
    this.#seen = '';
    this.#answered?.(answer);
  }
}
