import type { Clock, Timer } from './ports.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How long a turn of a process's event loop takes at most. */
const TURN_MS = 0.1;
/** Wall clock at the beginning of the world. */
const WALL_START_MS = Date.UTC(2026, 0, 1);

/** How wrong the clocks of one machine are. Mutable: clocks are set now and then. */
export interface ClockError {
  /** Of the wall clock. */
  skewMs: number;
  /** Of both clocks: 1.0001 is a clock that gains 0.1 ms per second. */
  rate: number;
}

type Kind = 'timer' | 'input' | 'immediate';

/**
 * One run of one program on a simulated machine: everything that calls into a node goes through here, so that it can be stopped
 * (SIGSTOP), go on, and be killed. What falls due while it is stopped happens when it goes on, in the order of an event loop: timers, then
 * input, then immediates.
 */
export class VirtualProcess {
  readonly name: string;
  readonly clock: Clock;
  state: 'running' | 'stopped' | 'dead' = 'running';
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #onFault: (error: unknown) => void;
  #turnEndsAt = 0;
  #waiting: Record<Kind, (() => void)[]> = { timer: [], input: [], immediate: [] };

  /** @param onFault what would have ended a real process */
  constructor(
    name: string,
    time: VirtualTime,
    random: Random,
    clockError: Readonly<ClockError>,
    onFault: (error: unknown) => void,
  ) {
    this.name = name;
    this.#time = time;
    this.#random = random;
    this.#onFault = onFault;
    this.clock = this.#makeClock(clockError);
  }

  /** Something comes from outside. Whoever calls makes sure that order does not depend on it: what came lies in a queue of its own. */
  input(fn: () => void): void {
    this.#enter('input', fn);
  }

  /** SIGSTOP */
  suspend(): void {
    if (this.state === 'running') this.state = 'stopped';
  }

  /** SIGCONT */
  resume(): void {
    if (this.state !== 'stopped') return;
    this.state = 'running';
    const { timer, input, immediate } = this.#waiting;
    this.#waiting = { timer: [], input: [], immediate: [] };
    // One event each, as each was an event when it fell due.
    for (const fn of timer) this.#time.after(0, () => this.#enter('timer', fn));
    for (const fn of input) this.#time.after(0, () => this.#enter('input', fn));
    for (const fn of immediate) this.#time.after(0, () => this.#enter('immediate', fn));
  }

  /** kill -9: none of its code runs again. */
  kill(): void {
    this.state = 'dead';
    this.#waiting = { timer: [], input: [], immediate: [] };
  }

  #enter(kind: Kind, fn: () => void): void {
    if (this.state === 'stopped') this.#waiting[kind].push(fn);
    if (this.state !== 'running') return;
    try {
      fn();
    } catch (error) {
      this.#onFault(error);
    }
  }

  #makeClock(error: Readonly<ClockError>): Clock {
    const time = this.#time;
    const startedAt = time.now;
    // The start of a monotonic clock is arbitrary, and no two machines have the same.
    const start = this.#random.between(0, 1e7);
    return {
      now: () => start + (time.now - startedAt) * error.rate,
      wallMs: () => Math.floor(WALL_START_MS + time.now * error.rate + error.skewMs),
      setTimeout: (fn, ms) => this.#timer(fn, Math.max(ms, 1) / error.rate, false),
      setInterval: (fn, ms) => this.#timer(fn, Math.max(ms, 1) / error.rate, true),
      setImmediate: (fn) => {
        // Those of one turn keep their order.
        if (this.#turnEndsAt <= time.now) this.#turnEndsAt = time.now + this.#random.fraction() * TURN_MS;
        time.at(this.#turnEndsAt, () => this.#enter('immediate', fn));
      },
    };
  }

  #timer(fn: () => void, ms: number, again: boolean): Timer {
    let cancelled = false;
    const fire = (): void => {
      if (cancelled) return;
      // As Node does: the next one counts from when this one came, however late.
      if (again) event = this.#time.after(ms, due);
      fn();
    };
    const due = (): void => {
      if (!cancelled && this.state !== 'dead') this.#enter('timer', fire);
    };
    let event = this.#time.after(ms, due);
    return {
      cancel: () => {
        cancelled = true;
        event.cancel();
      },
    };
  }
}
