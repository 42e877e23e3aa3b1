import { type ChildProcess, fork } from 'node:child_process';
import { track } from '../peers/processes.ts';
import type { Place } from '../rows/run-job.ts';

interface Call {
  readonly number: number;
  readonly name: string;
  readonly argument: unknown;
}

type Answer = { readonly number: number } & ({ readonly result: unknown } | { readonly failure: string });

/** A process of ours that does what it is asked by name. It ends when it is left alone. */
export class Helper implements Disposable {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #calls = 0;

  constructor({ file, nodeFlags = [], through = [] }: Place) {
    const [execPath, ...execArgv] = [...through, process.execPath, ...nodeFlags] as [string, ...string[]];
    this.#child = track(fork(file, { execPath, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
    this.pid = this.#child.pid!;
    this.#child.on('message', (message) => this.#answered(message as Answer));
    this.#child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended (${signal ?? code})`));
    });
  }

  call<T>(name: string, argument: unknown = null): Promise<T> {
    const number = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve: resolve as (result: unknown) => void, reject });
      this.#child.send({ number, name, argument } satisfies Call);
    });
  }

  [Symbol.dispose](): void {
    this.#child.removeAllListeners('exit');
    this.#child.kill('SIGKILL');
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if ('failure' in answer) waiting?.reject(new Error(answer.failure));
    else waiting?.resolve(answer.result);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: each knows what it is called with
export type Handlers = Readonly<Record<string, (argument: any) => unknown>>;

/** In such a process: does what comes. */
export function answerCalls(handlers: Handlers): void {
  process.once('disconnect', () => process.exit(0));
  process.on('message', async (message) => {
    const { number, name, argument } = message as Call;
    try {
      process.send!({ number, result: (await handlers[name]!(argument)) ?? null } satisfies Answer);
    } catch (error) {
      process.send!({ number, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
}
