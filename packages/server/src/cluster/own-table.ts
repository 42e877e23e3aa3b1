import { utf8Length } from '@plexus/protocol';
import { ByteSink } from '../lib/byte-sink.ts';
import type { Turn, TurnTask } from '../lib/turn.ts';
import type { OwnTable } from './ports.ts';
import { TableDigest } from './table-digest.ts';
import { type FeedSource, TABLE_PACE, TableFeed, type TablePace, type TablePort } from './table-feed.ts';
import { beginBody, bodyOf, MAX_KEY_BYTES, MAX_VALUE_BYTES, putChange } from './table-frames.ts';

/** Ids of tables in frames. */
export const TableId = { Interest: 1, Groups: 2 } as const;
export type TableId = (typeof TableId)[keyof typeof TableId];

/**
 * A table of this node, and its ways to the others. Changes are gathered until the end of the turn: what was changed and changed back
 * within it is told to nobody. A delta is put together once for all links; what does not fit into one goes in the next turn's.
 */
export class LocalTable implements OwnTable, FeedSource, TurnTask {
  readonly id: TableId;
  readonly digest = new TableDigest();
  readonly sink = new ByteSink();
  readonly #turn: Turn;
  readonly #pace: TablePace;
  readonly #entries = new Map<string, string>();
  /** Keys whose changes are in no delta yet, with the value of the last one; undefined: they were not there. */
  readonly #changed = new Map<string, string | undefined>();
  /** Another array with every change: one that is being gone through stays as it is. */
  #feeds: readonly TableFeed[] = [];
  #sequence = 0;
  #scheduled = false;
  /** The feed that is asked first next time. */
  #first = 0;

  constructor(id: TableId, turn: Turn, pace: TablePace = TABLE_PACE) {
    this.id = id;
    this.#turn = turn;
    this.#pace = pace;
  }

  get size(): number {
    return this.#entries.size;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** @throws {RangeError} a text that no frame can carry */
  set(key: string, value: string): void {
    const known = this.#entries.get(key);
    if (known === value) return;
    check('key', key, MAX_KEY_BYTES);
    check('value', value, MAX_VALUE_BYTES);
    this.#change(key, known);
    this.#entries.set(key, value);
  }

  delete(key: string): void {
    const known = this.#entries.get(key);
    if (known === undefined) return;
    this.#change(key, known);
    this.#entries.delete(key);
  }

  get(key: string): string | undefined {
    return this.#entries.get(key);
  }

  entries(): MapIterator<[string, string]> {
    return this.#entries.entries();
  }

  /** Begins to send the table over a link that has come up. */
  open(port: TablePort): TableFeed {
    const feed = new TableFeed(this, port, this.#pace);
    this.#feeds = [...this.#feeds, feed];
    this.wake();
    return feed;
  }

  /** Its link is gone. */
  close(feed: TableFeed): void {
    this.#feeds = this.#feeds.filter((each) => each !== feed);
  }

  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turn.atEnd(this);
  }

  endOfTurn(): void {
    this.#scheduled = false;
    this.#sendChanges();
    // A slice tells what is in the table now: a change that is in no delta yet may still be taken back, and then nobody is told of it.
    if (this.#changed.size > 0) this.wake();
    else this.#takeTurns();
  }

  #change(key: string, known: string | undefined): void {
    if (!this.#changed.has(key)) this.#changed.set(key, known);
    this.wake();
  }

  #sendChanges(): void {
    if (this.#changed.size === 0) return;
    const { sink, digest } = this;
    const keys: string[] = [];
    beginBody(sink, this.id, this.#sequence, this.#sequence + 1);
    for (const [key, before] of this.#changed) {
      this.#changed.delete(key);
      const value = this.#entries.get(key);
      if (value === before) continue;
      if (before !== undefined) digest.remove(key, before);
      if (value !== undefined) digest.add(key, value);
      putChange(sink, key, value);
      keys.push(key);
      if (keys.length >= this.#pace.sliceEntries || sink.length >= this.#pace.sliceBytes) break;
    }
    if (keys.length === 0) return;
    const previous = this.#sequence++;
    const body = bodyOf(sink);
    for (const feed of this.#feeds) feed.onDelta(body, previous, this.#sequence, keys);
  }

  /** With many links at once, as at a start, they take turns. */
  #takeTurns(): void {
    const count = this.#feeds.length;
    let slices = 0;
    let next = this.#first;
    for (let i = 0; i < count && slices < this.#pace.slicesPerTurn; i++) {
      const at = (this.#first + i) % count;
      const feed = this.#feeds[at]!;
      if (!feed.wantsTurn) continue;
      feed.takeTurn();
      slices++;
      next = at + 1;
    }
    this.#first = next;
    if (this.#feeds.some((feed) => feed.wantsTurn)) this.wake();
  }
}

function check(what: string, text: string, maxBytes: number): void {
  if (!text.isWellFormed()) throw new RangeError(`a ${what} with a lone surrogate`);
  const bytes = utf8Length(text);
  if (bytes > maxBytes) throw new RangeError(`a ${what} of ${bytes} bytes, at most ${maxBytes} fit`);
}
