import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** A process as it is after a garbage collection. Bytes. */
export interface ProcessSample {
  rss: number;
  heapUsed: number;
  external: number;
  arrayBuffers: number;
  sockets: number;
  /** Everything that keeps an event loop alive: sockets, timers, requests. */
  resources: number;
}

/** How late the event loop of the node ran since the last reset, in milliseconds; `cpuMs` since its start. */
export interface LoopDelay {
  maxMs: number;
  p99Ms: number;
  cpuMs: number;
}

export type Question = 'sample' | 'delay' | 'reset';

export interface Answer {
  ports?: { mqtt: number; http: number };
  sample?: ProcessSample;
  delay?: LoopDelay;
}

/** A node in a process of its own, so that what it costs can be told from what the test costs. One question at a time. */
export class NodeProcess implements AsyncDisposable {
  readonly mqttPort: number;
  readonly httpPort: number;
  /** What it said on stderr: of a healthy node, nothing. */
  errors = '';
  /** null while it runs. */
  exit: string | null = null;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ports: { mqtt: number; http: number }) {
    this.#child = child;
    this.mqttPort = ports.mqtt;
    this.httpPort = ports.http;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    child.once('exit', (code, signal) => {
      this.exit = `exited with ${signal ?? code}`;
    });
  }

  /** @param flags as on the command line */
  static async start(flags: Readonly<Record<string, string>> = {}): Promise<NodeProcess> {
    const child = fork(join(import.meta.dirname, 'node-child.ts'), [JSON.stringify(flags)], {
      // What vitest runs its own workers with is nothing for this one. Whoever looks for the cause of a number adds --cpu-prof.
      execArgv: ['--expose-gc', ...(process.env.PLEXUS_CHILD_ARGS?.split(' ') ?? [])],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    const { ports } = await nextAnswer(child);
    return new NodeProcess(child, ports!);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async sample(): Promise<ProcessSample> {
    return (await this.#ask('sample')).sample!;
  }

  async delay(): Promise<LoopDelay> {
    return (await this.#ask('delay')).delay!;
  }

  async resetDelay(): Promise<void> {
    await this.#ask('reset');
  }

  /** The value of a metric by its name, labels included; 0 while nobody has counted there. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.httpPort}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.exit !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await gone;
  }

  #ask(question: Question): Promise<Answer> {
    const answer = nextAnswer(this.#child);
    this.#child.send(question);
    return answer;
  }
}

function nextAnswer(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`the node's process exited with ${code}`));
    child.once('exit', gone);
    child.once('message', (message) => {
      child.off('exit', gone);
      resolve(message as Answer);
    });
  });
}

/** Asks again and again until `holds`; an error after `timeoutMs`. */
export async function until(what: string, timeoutMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
