import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { NodeInfo } from '../../src/lib/data-dir.ts';

export type HostCommand =
  | { readonly do: 'start'; readonly node: number; readonly configFile: string }
  /** Without a word to anybody. */
  | { readonly do: 'stop'; readonly node: number }
  | { readonly do: 'drain'; readonly node: number }
  | { readonly do: 'memory' };

export interface HostResult {
  readonly info?: NodeInfo;
  /** After a collection. */
  readonly heapBytes?: number;
}

export type HostReply = { readonly id: number } & ({ readonly result: HostResult } | { readonly failure: string });

/** A line of a node's log. */
export interface HostSaid {
  readonly node: number;
  readonly line: string;
}

interface Waiting {
  resolve(result: HostResult): void;
  reject(error: Error): void;
}

/** A process with any number of nodes in it. */
export class HostProcess {
  /** Of its nodes' logs: warnings and worse. */
  onSaid: (said: HostSaid) => void = () => {};
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;

  constructor() {
    const program = join(import.meta.dirname, 'mesh-host.ts');
    this.#child = fork(program, { execArgv: ['--expose-gc'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message: HostReply | HostSaid) => this.#heard(message));
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`the host ended (${signal ?? code})`));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  ask(command: HostCommand): Promise<HostResult> {
    if (!this.isRunning) return Promise.reject(new Error('the host has ended'));
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, command });
    });
  }

  /** kill -9, with all of its nodes. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #heard(message: HostReply | HostSaid): void {
    if ('line' in message) {
      this.onSaid(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('failure' in message) waiting?.reject(new Error(message.failure));
    else waiting?.resolve(message.result);
  }
}
