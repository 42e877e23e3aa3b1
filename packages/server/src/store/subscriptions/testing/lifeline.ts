import type { Clock } from '../../../lib/clock.ts';
import type { AppendRequest, AppendResult } from '../../append.ts';
import type { CommitListener, Engine } from '../../engine.ts';
import type { ReadName, ReadOperations, WriteName, WriteOperations } from '../../operations.ts';

/** What joins a service to its store and its clock: once cut, neither answers any more, as for a process that is gone. */
export class Lifeline implements Engine {
  isCut = false;
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  cut(): void {
    this.isCut = true;
    this.#engine.listener = null;
  }

  get listener(): CommitListener | null {
    return this.#engine.listener;
  }

  set listener(listener: CommitListener | null) {
    if (!this.isCut) this.#engine.listener = listener;
  }

  get lastPosition(): number {
    return this.#engine.lastPosition;
  }

  append(request: AppendRequest): Promise<AppendResult> {
    return this.#unlessCut(() => this.#engine.append(request));
  }

  write<K extends WriteName>(
    operation: K,
    request: WriteOperations[K]['request'],
  ): Promise<WriteOperations[K]['result']> {
    return this.#unlessCut(() => this.#engine.write(operation, request));
  }

  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): Promise<ReadOperations[K]['result']> {
    return this.#unlessCut(() => this.#engine.read(operation, request));
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  async #unlessCut<T>(call: () => Promise<T>): Promise<T> {
    const never = new Promise<never>(() => {});
    if (this.isCut) return never;
    const answer = await call();
    return this.isCut ? never : answer;
  }

  clock(clock: Clock): Clock {
    const unlessCut = (fn: () => void) => (): void => {
      if (!this.isCut) fn();
    };
    return {
      now: () => clock.now(),
      wallMs: () => clock.wallMs(),
      setTimeout: (fn, ms) => clock.setTimeout(unlessCut(fn), ms),
      setInterval: (fn, ms) => clock.setInterval(unlessCut(fn), ms),
      setImmediate: (fn) => clock.setImmediate(unlessCut(fn)),
    };
  }
}
