import type { Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import type { Delivery } from './delivery.ts';
import { readHistory } from './history.ts';

/** Events read from the store at a time, and stretches of history that they come from. */
const BATCH = 200;
const MAX_STRETCHES = 20;

interface Stretch {
  readonly from: number;
  count: number;
}

/**
 * What was seen by consumers that are gone, or waits behind such, in order of position. Of each there is no more than where
 * it is and how often it was delivered: the event is read again when somebody is there to have it.
 */
export class Orphans {
  readonly #engine: Engine;
  #waiting: Delivery[] = [];
  #at = 0;
  #epoch = 0;
  #isReading = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get isEmpty(): boolean {
    return this.#at === this.#waiting.length;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /** What is read now comes to nothing. @returns those that wait */
  drain(): Delivery[] {
    const left = this.#waiting.slice(this.#at);
    this.#waiting = [];
    this.#at = 0;
    this.#epoch++;
    this.#isReading = false;
    return left;
  }

  /** Forgets the events of `deliveries`, which take the place of all that waited. */
  keep(deliveries: Delivery[]): void {
    this.drain();
    this.#waiting = deliveries.sort((a, b) => a.position - b.position);
    for (const delivery of deliveries) delivery.event = null;
  }

  /**
   * Reads the next few, in order. What cannot be read waits on.
   * @param take gets them with their events, unless `drain` came in between; one whose event is gone is done
   * @throws what the engine throws
   */
  async read(take: (delivery: Delivery) => void): Promise<void> {
    const epoch = this.#epoch;
    this.#isReading = true;
    try {
      const events = await this.#readStretches();
      for (let i = 0; i < events.length && epoch === this.#epoch; i++) this.#give(events[i]!, take);
    } finally {
      if (epoch === this.#epoch) this.#isReading = false;
    }
  }

  #give(event: StoredEvent | null, take: (delivery: Delivery) => void): void {
    const delivery = this.#waiting[this.#at++]!;
    if (this.isEmpty) {
      this.#waiting = [];
      this.#at = 0;
    }
    if (event === null) delivery.finish();
    else delivery.event = event;
    take(delivery);
  }

  /** @returns the events of the first few, at least one; null where there is none any more */
  async #readStretches(): Promise<(StoredEvent | null)[]> {
    const next = this.#waiting.slice(this.#at, this.#at + BATCH);
    const stretches = stretchesOf(next);
    const pages = await Promise.all(stretches.map(({ from, count }) => readHistory(this.#engine, {}, from, count)));
    const read: (StoredEvent | null)[] = [];
    for (const [i, { events }] of pages.entries()) {
      const { from, count } = stretches[i]!;
      const byPosition = new Map(events.map((event) => [event.position, event]));
      // A page may end early, but never before its first event.
      const end = Math.max(from, events.at(-1)?.position ?? from) + 1;
      for (let position = from; position < Math.min(end, from + count); position++) {
        read.push(byPosition.get(position) ?? null);
      }
      if (end < from + count) break;
    }
    return read;
  }
}

/** Positions without a gap are read together. */
function stretchesOf(deliveries: readonly Delivery[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const { position } of deliveries) {
    const last = stretches.at(-1);
    if (last !== undefined && last.from + last.count === position) last.count++;
    else if (stretches.length === MAX_STRETCHES) break;
    else stretches.push({ from: position, count: 1 });
  }
  return stretches;
}
