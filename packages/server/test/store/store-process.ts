import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PLEXUS = resolve(import.meta.dirname, '../../../../plexus');
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 10;

/** An event, as the HTTP API shows it. */
export interface ShownEvent {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly position: number;
  readonly type: string;
  readonly data: unknown;
  readonly tags: readonly string[];
  readonly timeUs: number;
}

/** Members of the answers that tests look at. */
export interface AnswerBody {
  readonly version?: number;
  readonly position?: number;
  readonly duplicate?: boolean;
  readonly checkpoint?: number;
  readonly lastPosition?: number;
  readonly faults?: readonly object[];
  readonly error?: { readonly code: string; readonly message: string };
}

export interface Answer {
  readonly status: number;
  readonly body: AnswerBody;
}

export interface StoreProcessOptions {
  readonly dataDir: string;
  /** As on the command line of `plexus start`. */
  readonly args?: readonly string[];
  /** What the node is started through: a command that ends by running its arguments. */
  readonly through?: readonly string[];
}

/** A node as people run it, `plexus start`, that can be killed; and its default store over HTTP. */
export class StoreProcess implements AsyncDisposable {
  readonly dataDir: string;
  readonly mqttUrl: string;
  readonly httpUrl: string;
  /** Of the node itself. */
  readonly pid: number;
  readonly #run: Run;

  private constructor(dataDir: string, run: Run, info: { pid: number; mqttPort: number; httpPort: number }) {
    this.dataDir = dataDir;
    this.#run = run;
    this.pid = info.pid;
    this.mqttUrl = `mqtt://127.0.0.1:${info.mqttPort}`;
    this.httpUrl = `http://127.0.0.1:${info.httpPort}`;
  }

  /** Starts one, and waits until it is ready. @throws what it said, if it ends instead */
  static async start(options: StoreProcessOptions): Promise<StoreProcess> {
    const run = new Run(options);
    const deadline = performance.now() + START_TIMEOUT_MS;
    const path = join(options.dataDir, 'node.json');
    while (run.exit === null && performance.now() < deadline) {
      const info = readInfo(path) ?? readInfo(`/proc/${run.child.pid}/root${path}`);
      // The file of a node that was killed is still there.
      if (info !== null && run.owns(info.pid)) return new StoreProcess(options.dataDir, run, info);
      await sleep(POLL_MS);
    }
    await run.end('SIGKILL');
    throw new Error(`the node did not start (${run.code}): ${run.said}`);
  }

  /** Starts one that is expected to refuse. @returns its exit code, and all that it said */
  static async refusal(options: StoreProcessOptions): Promise<{ code: number | null; said: string }> {
    const run = new Run(options);
    await Promise.race([run.ended, sleep(START_TIMEOUT_MS)]);
    if (run.exit === null) {
      await run.end('SIGKILL');
      throw new Error(`the node started all the same: ${run.said}`);
    }
    return { code: run.code, said: run.said };
  }

  get said(): string {
    return this.#run.said;
  }

  /** kill -9. */
  kill(): Promise<void> {
    return this.#run.end('SIGKILL');
  }

  /** Ends it as a person would. */
  async stop(): Promise<number | null> {
    await this.#run.end('SIGTERM');
    return this.#run.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** @param path under the default store @throws if there is no answer */
  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.httpUrl}/api/v1/stores/default${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  }

  append(stream: string, body: { expectedVersion?: unknown; events: readonly object[] }): Promise<Answer> {
    return this.ask('POST', `/streams/${encodeURIComponent(stream)}/events`, body);
  }

  /** The whole store from a position on, as lines. */
  async events(from = 0, query = ''): Promise<ShownEvent[]> {
    const response = await fetch(`${this.httpUrl}/api/v1/stores/default/events?from=${from}${query}`, {
      headers: { accept: 'application/x-ndjson' },
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`reading from ${from}: ${response.status} ${text}`);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }
}

/** One run of the command. */
class Run {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  said = '';
  exit: string | null = null;
  code: number | null = null;

  constructor({ dataDir, args = [], through = [] }: StoreProcessOptions) {
    const ports = ['--mqtt-port', '0', '--http-port', '0', '--peer-port', '0'];
    const flags = [...ports, '--data-dir', dataDir, '--log-level', 'warn', ...args];
    const [command, ...rest] = [...through, PLEXUS, 'start', ...flags];
    // A group of its own, so that everything behind the wrapper goes with it.
    this.child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const hear = (chunk: Buffer): void => {
      this.said += chunk.toString();
    };
    this.child.stdout!.on('data', hear);
    this.child.stderr!.on('data', hear);
    this.ended = new Promise((resolveEnded) => {
      const done = (how: string, code: number | null): void => {
        this.exit ??= how;
        this.code = code;
        resolveEnded();
      };
      this.child.once('error', (error) => done(error.message, null));
      this.child.once('close', (code, signal) => done(String(signal ?? code), code));
    });
  }

  /** Whether a process is this command, or runs behind it. */
  owns(pid: number): boolean {
    for (let at = pid, steps = 0; at > 1 && steps < 10; steps++) {
      if (at === this.child.pid) return true;
      at = parentOf(at);
    }
    return false;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.exit === null && this.child.pid !== undefined) {
      try {
        process.kill(-this.child.pid, signal);
      } catch {
        // It went by itself just now.
      }
    }
    await this.ended;
  }
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function readInfo(path: string): { pid: number; mqttPort: number; httpPort: number } | null {
  try {
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
  } catch {
    // Half written, or just gone.
    return null;
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolveSlept) => setTimeout(resolveSlept, ms));

/** Asks again and again until `holds`; an error after `timeoutMs`. */
export async function until(what: string, timeoutMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(POLL_MS);
  }
}

/** Runs `body` with a directory that goes with it. */
export async function inDirectory<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'plexus-store-'));
  try {
    return await body(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
