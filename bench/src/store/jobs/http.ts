import { connect, type Socket } from 'node:net';
import type { Job } from '../job.ts';
import { closedLoop, newEvent } from '../load.ts';

const STREAMS = 1000;

/** One keep-alive connection that has one request on its way at a time. */
class Requests {
  readonly #socket: Socket;
  #seen = '';
  #answered: ((status: number) => void) | null = null;
  #failed: ((error: Error) => void) | null = null;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#read(text));
    this.#socket.on('error', (error) => this.#failed?.(error));
    this.#socket.on('close', () => this.#failed?.(new Error('the connection was closed')));
  }

  post(path: string, body: string): Promise<number> {
    this.#socket.write(
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
    });
  }

  close(): void {
    this.#failed = null;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#seen += text;
    const head = this.#seen.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#seen)?.[1] ?? 0);
    if (this.#seen.length < head + 4 + length) return;
    const status = Number(this.#seen.slice(9, 12));
    this.#seen = '';
    this.#answered?.(status);
  }
}

/** Appends over HTTP to a node in another process. */
export const appendHttp: Job = async ({ measureMs, parameters }) => {
  const idle = Array.from({ length: parameters.connections! }, () => new Requests(parameters.port!));
  const all = [...idle];
  const rate = await closedLoop(all.length, measureMs, async (n) => {
    const connection = idle.pop()!;
    const body = JSON.stringify({ expectedVersion: 'any', events: [newEvent(n)] });
    const status = await connection.post(`/api/v1/stores/default/streams/stream-${n % STREAMS}/events`, body);
    if (status !== 201) throw new Error(`an append was answered with ${status}`);
    idle.push(connection);
  });
  for (const connection of all) connection.close();
  return { perSecond: rate };
};

/** Everything of the store as NDJSON, from a node in another process. */
export const readHttp: Job = async ({ parameters }) => {
  const url = `http://127.0.0.1:${parameters.port}/api/v1/stores/default/events`;
  const start = performance.now();
  const answer = await fetch(url, { headers: { accept: 'application/x-ndjson' } });
  if (answer.status !== 200 || answer.body === null) throw new Error(`the read was answered with ${answer.status}`);
  let events = 0;
  for await (const chunk of answer.body) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) events++;
  }
  const seconds = (performance.now() - start) / 1000;
  if (events !== parameters.events) throw new Error(`${events} events came, not ${parameters.events}`);
  return { perSecond: events / seconds };
};
