import { FAULT_KINDS, type OngoingFault } from './fault-kinds.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** Faults at once; what comes beyond is left out. */
const AT_ONCE = 3;

/** Inflicts one fault after the other on a world, and puts everything right in the end. */
export class Faults {
  count = 0;
  readonly #world: World;
  readonly #random: Random;
  readonly #everyMs: number;
  /** Kinds of this seed: most worlds have only some, so that they have more of them. */
  readonly #kinds: readonly string[];
  readonly #ongoing = new Set<OngoingFault>();
  #over = false;

  constructor(world: World, everyMs: number, kinds: readonly string[] | null = null) {
    this.#world = world;
    this.#random = world.random.fork('faults');
    this.#everyMs = everyMs;
    const all = Object.keys(FAULT_KINDS);
    this.#kinds = kinds ?? (this.#random.chance(0.3) ? all : this.#random.some(all, 1 + this.#random.below(4)));
  }

  start(): void {
    this.#next();
  }

  /** Ends all that is wrong. */
  heal(): void {
    this.#over = true;
    for (const fault of [...this.#ongoing]) this.#end(fault);
    this.#world.trace.note('world', 'all faults are over');
  }

  #next(): void {
    this.#world.time.after(this.#random.around(this.#everyMs), () => {
      if (this.#over) return;
      this.#inflict();
      this.#next();
    });
  }

  #inflict(): void {
    const { time, trace } = this.#world;
    if (this.#ongoing.size >= AT_ONCE) return;
    const fault = FAULT_KINDS[this.#random.pick(this.#kinds)]!(this.#world, this.#random);
    if (fault === null) return;
    this.count++;
    trace.note('world', fault.text);
    if (fault.lastsMs === 0) return;
    this.#ongoing.add(fault);
    time.after(fault.lastsMs, () => this.#end(fault));
  }

  #end(fault: OngoingFault): void {
    if (!this.#ongoing.delete(fault)) return;
    this.#world.trace.note('world', `over: ${fault.text}`);
    fault.end();
  }
}
