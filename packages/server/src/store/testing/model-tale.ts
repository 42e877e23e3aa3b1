import type { AppendRequest } from '../append.ts';
import { answerTo, type Command, MODEL_START_MS } from './engine-commands.ts';
import { MemoryEngine } from './memory-engine.ts';

type Event = { readonly kind: 'commands'; readonly nowMs: number; readonly commands: readonly Command[] } | 'restart';

const NO_APPENDS: readonly AppendRequest[] = [];

/** The naive model, and all that was done to it: so that it can be had again, and go on in another way. */
export class ModelTale {
  readonly model: MemoryEngine;
  nowMs = MODEL_START_MS;
  readonly #past: Event[] = [];

  constructor() {
    this.model = new MemoryEngine({ wallMs: () => this.nowMs, maxLooked: 5 });
  }

  /** Asks for all of them in one turn. @param commands retries are given as the appends that they repeat */
  do(commands: readonly Command[]): Promise<unknown[]> {
    this.#past.push({ kind: 'commands', nowMs: this.nowMs, commands });
    return Promise.all(commands.map((each) => answerTo(this.model, each, NO_APPENDS)));
  }

  restarted(): void {
    this.#past.push('restart');
    this.model.restarted();
  }

  /** Another model to which the same has been done. */
  async again(): Promise<ModelTale> {
    const other = new ModelTale();
    for (const event of this.#past) {
      if (event === 'restart') other.restarted();
      else {
        other.nowMs = event.nowMs;
        await other.do(event.commands);
      }
    }
    other.nowMs = this.nowMs;
    return other;
  }
}
