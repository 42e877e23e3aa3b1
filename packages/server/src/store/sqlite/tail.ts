import { RECORD_ID_OFFSET } from '../record.ts';
import { IdTable } from './id-table.ts';
import type { NameEntry } from './name-table.ts';

/** When the tail is to be indexed, whichever comes first. */
const DUE_EVENTS = 16_384;
/** While little is written at a time, appends come one by one: a step must not hold them up for long. */
const LEAST_DUE_EVENTS = 512;
/** Of each commit in the average of their sizes. */
const PACE_SHARE = 0.25;
const DUE_TAGS = 16_384;
/** Of records: the index step reads them. */
const DUE_BYTES = 16 * 1024 * 1024;
/** How many times as long the tail may grow while a commit is made. */
const LONGEST = 2;

/** The events that the index tables do not have yet, with what is asked of them: their ids, types and tags. */
export class Tail {
  /** Position of its first event, or of the next one. */
  #start = 0;
  readonly #types: NameEntry[] = [];
  readonly #tags: (readonly NameEntry[])[] = [];
  readonly #ids = new IdTable();
  #tagCount = 0;
  #bytes = 0;
  /** Newest time in an id that is a UUID v7; -1: none. */
  #newestIdMs = -1;
  /** Items per commit, on average. */
  #pace = 0;
  #dueEvents = LEAST_DUE_EVENTS;

  /** Empties it. @param start position of the next event */
  clear(start: number): void {
    this.#start = start;
    this.#types.length = 0;
    this.#tags.length = 0;
    this.#ids.clear();
    this.#tagCount = 0;
    this.#bytes = 0;
    this.#newestIdMs = -1;
  }

  get start(): number {
    return this.#start;
  }

  /** Position of the next event. */
  get end(): number {
    return this.#start + this.#types.length;
  }

  get length(): number {
    return this.#types.length;
  }

  get newestIdMs(): number {
    return this.#newestIdMs;
  }

  get isDue(): boolean {
    return this.#isOver(1, this.#dueEvents);
  }

  /**
   * Large steps cost less per event, since each writes the end of every stream that has grown; small ones hold up less. Where
   * commits are large everybody waits longer anyway: so a step has as many of them as they have items.
   * @param items of the last commit
   */
  pace(items: number): void {
    this.#pace += (items - this.#pace) * PACE_SHARE;
    this.#dueEvents = Math.min(Math.max(this.#pace * this.#pace, LEAST_DUE_EVENTS), DUE_EVENTS);
  }

  /** Whether it must be indexed at once: only a very large commit comes to that. */
  get isOverlong(): boolean {
    return this.#isOver(LONGEST, DUE_EVENTS);
  }

  /** Adds the next event. @param buffer holds its record in `[from, to)` */
  add(buffer: Buffer, from: number, to: number, type: NameEntry, tags: readonly NameEntry[]): void {
    this.#ids.add(buffer, from + RECORD_ID_OFFSET, this.end);
    const idMs = idMsOf(buffer, from);
    this.#types.push(type);
    this.#tags.push(tags);
    this.#tagCount += tags.length;
    if (idMs > this.#newestIdMs) this.#newestIdMs = idMs;
    this.#bytes += to - from;
  }

  /** @returns position of the event that has the id of the record at `from`; -1: it is not in the tail */
  positionOf(buffer: Buffer, from: number): number {
    return this.#ids.get(buffer, from + RECORD_ID_OFFSET);
  }

  typeAt(position: number): NameEntry {
    return this.#types[position - this.#start]!;
  }

  tagsAt(position: number): readonly NameEntry[] {
    return this.#tags[position - this.#start]!;
  }

  #isOver(factor: number, events: number): boolean {
    return (
      this.#types.length >= events * factor || this.#tagCount >= DUE_TAGS * factor || this.#bytes >= DUE_BYTES * factor
    );
  }
}

/** Milliseconds since 1970 in the id of a record that begins at `start`, if it is a UUID v7 (RFC 9562 §5.7); else -1. */
export function idMsOf(buffer: Buffer, start: number): number {
  const at = start + RECORD_ID_OFFSET;
  return buffer[at + 6]! >> 4 === 7 ? buffer.readUInt32BE(at) * 0x10000 + buffer.readUInt16BE(at + 4) : -1;
}
