import type { ByteSink } from '../lib/byte-sink.ts';
import { FrameType } from '../peer/frame-types.ts';
import type { TableDigest } from './table-digest.ts';
import { beginBody, bodyOf, digestBody, integersBody, putChange, putEntry } from './table-frames.ts';

/** The way to one other node: control frames of its link. */
export interface TablePort {
  /** The body is copied at once. */
  send(type: number, body: Uint8Array): void;
}

/** How much is done and sent at a time. */
export interface TablePace {
  /** Of one frame; the second bound may be passed by one entry. */
  readonly sliceEntries: number;
  readonly sliceBytes: number;
  /** Bytes that the other end may have before it; more wait until it has dealt with some. */
  readonly windowBytes: number;
  /** Of one table to all links together, beside the delta. */
  readonly slicesPerTurn: number;
  /** Changes that wait for a link; past it they are forgotten, and it gets a snapshot. */
  readonly maxBehind: number;
}

/** What is under way may come in one read: the window is what a node can take in without holding up its traffic. */
export const TABLE_PACE: TablePace = {
  sliceEntries: 500,
  sliceBytes: 16 * 1024,
  windowBytes: 64 * 1024,
  slicesPerTurn: 4,
  maxBehind: 100_000,
};

/** How often within a window the other end is asked how far it is. */
const ASKS_PER_WINDOW = 8;

/** What a feed needs of the table it sends. */
export interface FeedSource {
  readonly id: number;
  /** Of the last delta. */
  readonly sequence: number;
  readonly digest: TableDigest;
  /** Where bodies are put together; free between two calls. */
  readonly sink: ByteSink;
  entries(): Iterator<[string, string]>;
  get(key: string): string | undefined;
  /** A feed may have something to do: `takeTurn` is called at the end of the turn. */
  wake(): void;
}

/** `due`: a snapshot is to be begun; `scanning`: entries are sent; `ending`: all were, the end comes when no change waits for the link. */
type FeedState = 'due' | 'scanning' | 'ending' | 'level';

/**
 * One table on its way over one link: a snapshot in slices, then, and in between, changes in order. The snapshot goes through the living
 * table: whatever changes meanwhile is told by a delta after it, and an entry that is told twice does no harm. A link that does not
 * take bytes gets no more of them: what changes meanwhile is kept as keys, and sent as it then is.
 */
export class TableFeed {
  readonly #source: FeedSource;
  readonly #port: TablePort;
  readonly #pace: TablePace;
  #state: FeedState = 'due';
  #scan: Iterator<[string, string]> | null = null;
  /** Keys whose changes the other end was not told of. */
  readonly #behind = new Set<string>();
  /** Up to which it was told. */
  #sequence = 0;
  #digestDue = false;
  #sentBytes = 0;
  /** At the last question how far the other end is. */
  #askedBytes = 0;
  /** So far it is. */
  #doneBytes = 0;

  constructor(source: FeedSource, port: TablePort, pace: TablePace) {
    this.#source = source;
    this.#port = port;
    this.#pace = pace;
  }

  /** Whether `takeTurn` would do something. */
  get wantsTurn(): boolean {
    return this.#hasRoom && (this.#state !== 'level' || this.#behind.size > 0 || this.#digestDue);
  }

  get #hasRoom(): boolean {
    return this.#sentBytes - this.#doneBytes < this.#pace.windowBytes;
  }

  /** The delta of a turn, made for all links at once. @param keys that are in it */
  onDelta(body: Uint8Array, previous: number, sequence: number, keys: readonly string[]): void {
    if (this.#state === 'due') return;
    if (this.#behind.size === 0 && this.#sequence === previous && this.#hasRoom) {
      this.#send(FrameType.Delta, body);
      this.#sequence = sequence;
      return;
    }
    for (const key of keys) this.#behind.add(key);
    if (this.#behind.size > this.#pace.maxBehind) this.restart();
  }

  /** Sends one slice, if there is room. Only while every change of the table is in a delta. */
  takeTurn(): void {
    if (!this.#hasRoom) return;
    if (this.#state === 'due') this.#begin();
    if (this.#behind.size > 0) this.#sendBehind();
    else if (this.#state === 'scanning') this.#sendEntries();
    if (this.#behind.size > 0) return;
    if (this.#state === 'ending') {
      this.#state = 'level';
      this.#digestDue = false;
      this.#sendDigest(FrameType.SnapshotEnd);
    } else if (this.#state === 'level' && this.#digestDue) {
      this.#digestDue = false;
      this.#sendDigest(FrameType.Digest);
    }
  }

  /** The other end asks for everything, or cannot be told otherwise. */
  restart(): void {
    this.#state = 'due';
    this.#scan = null;
    this.#behind.clear();
    this.#source.wake();
  }

  /** The link goes on over another channel: any of what was sent last may be lost. */
  resumed(): void {
    this.#doneBytes = this.#askedBytes = this.#sentBytes;
    if (this.#state === 'level') this.askDigest();
    else this.restart();
  }

  /** A digest is to be sent as soon as one can be: not in a snapshot, which ends with one. */
  askDigest(): void {
    if (this.#state !== 'level') return;
    this.#digestDue = true;
    this.#source.wake();
  }

  /** The other end has dealt with what it was sent before it was asked. @returns what is wrong, or null */
  onPaceAnswer(bytes: number): string | null {
    if (bytes > this.#sentBytes) return 'answers what it was not asked';
    if (bytes > this.#doneBytes) this.#doneBytes = bytes;
    if (this.wantsTurn) this.#source.wake();
    return null;
  }

  #begin(): void {
    const { id, sequence, digest } = this.#source;
    this.#send(FrameType.SnapshotBegin, integersBody(id, sequence, digest.count));
    this.#sequence = sequence;
    this.#scan = this.#source.entries();
    this.#state = 'scanning';
  }

  #sendEntries(): void {
    const { sink, id } = this.#source;
    beginBody(sink, id);
    let count = 0;
    while (count < this.#pace.sliceEntries && sink.length < this.#pace.sliceBytes) {
      const next = this.#scan!.next();
      if (next.done) {
        this.#scan = null;
        this.#state = 'ending';
        break;
      }
      putEntry(sink, next.value[0], next.value[1]);
      count++;
    }
    if (count > 0) this.#send(FrameType.Entries, bodyOf(sink));
  }

  /** Some of the changes that waited; the last frame of them reaches the table's sequence. */
  #sendBehind(): void {
    const { sink, id, sequence } = this.#source;
    const isLast = this.#behind.size <= this.#pace.sliceEntries;
    const reached = isLast ? sequence : Math.min(this.#sequence + 1, sequence);
    beginBody(sink, id, this.#sequence, reached);
    let count = 0;
    for (const key of this.#behind) {
      this.#behind.delete(key);
      putChange(sink, key, this.#source.get(key));
      if (++count >= this.#pace.sliceEntries || sink.length >= this.#pace.sliceBytes) break;
    }
    this.#send(FrameType.Delta, bodyOf(sink));
    this.#sequence = reached;
  }

  #sendDigest(type: number): void {
    const { id, sequence, digest } = this.#source;
    this.#send(type, digestBody(id, sequence, digest));
  }

  #send(type: number, body: Uint8Array): void {
    this.#port.send(type, body);
    this.#sentBytes += body.length;
    if (this.#sentBytes - this.#askedBytes < this.#pace.windowBytes / ASKS_PER_WINDOW) return;
    this.#askedBytes = this.#sentBytes;
    this.#port.send(FrameType.Pace, integersBody(this.#source.id, this.#sentBytes));
  }
}
