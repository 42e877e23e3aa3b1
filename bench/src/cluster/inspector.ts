import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../peers/processes.ts';

const MB = 1e6;
const COLLECTIONS = 3;
const PAUSE_MS = 1000;

/** What makes a node listen for {@link Inspector}. */
export const inspectable = (port: number): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--inspect=127.0.0.1:${port} --inspect-publish-uid=http`,
});

export interface Memory {
  readonly residentMB: number;
  /** In use: of the heap, and outside of it. */
  readonly usedMB: number;
}

/** Looks into a process of Node.js through its debugging port. */
export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown };
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  static async at(port: number): Promise<Inspector> {
    const url = await until('the inspector', async () => {
      const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
        webSocketDebuggerUrl: string;
      }[];
      return target?.webSocketDebuggerUrl ?? null;
    });
    const socket = new WebSocket(url);
    const opened = Promise.withResolvers<void>();
    socket.addEventListener('open', () => opened.resolve());
    socket.addEventListener('error', () => opened.reject(new Error('no connection to the inspector')));
    await opened.promise;
    return new Inspector(socket);
  }

  /** Of what lives: after several collections of the whole heap, with pauses in which freed pages go back. */
  async memory(): Promise<Memory> {
    for (let round = 0; round < COLLECTIONS; round++) {
      await this.#call('HeapProfiler.collectGarbage', {});
      await sleep(PAUSE_MS);
    }
    const expression = 'JSON.stringify(process.memoryUsage())';
    const answer = await this.#call('Runtime.evaluate', { expression, returnByValue: true });
    const { value } = (answer as { result: { value: string } }).result;
    const usage = JSON.parse(value) as NodeJS.MemoryUsage;
    return { residentMB: usage.rss / MB, usedMB: (usage.heapUsed + usage.external) / MB };
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #call(method: string, params: object): Promise<unknown> {
    const id = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }
}
