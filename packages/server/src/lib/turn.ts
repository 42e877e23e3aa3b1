/** Something that has work for the end of the turn. */
export interface TurnTask {
  endOfTurn(): void;
}

/**
 * Collects work for the end of the current turn of the event loop: whatever many reads of one poll cause is done once.
 * Tasks run in the order they were added; those added meanwhile run in the next turn.
 */
export class Turn {
  #defer: (run: () => void) => void;
  #tasks: TurnTask[] = [];
  #spare: TurnTask[] = [];
  #run = (): void => this.#finish();

  /** @param defer runs a function after the current poll phase: `setImmediate` outside of tests and simulation */
  constructor(defer: (run: () => void) => void) {
    this.#defer = defer;
  }

  /** The caller makes sure that a task is added once per turn. */
  atEnd(task: TurnTask): void {
    if (this.#tasks.length === 0) this.#defer(this.#run);
    this.#tasks.push(task);
  }

  #finish(): void {
    const tasks = this.#tasks;
    this.#tasks = this.#spare;
    this.#spare = tasks;
    for (let i = 0; i < tasks.length; i++) tasks[i]!.endOfTurn();
    tasks.length = 0;
  }
}
