import type { Clock } from '../lib/clock.ts';
import { Fifo } from '../lib/fifo.ts';
import { APPEND_HEADER_BYTES } from '../store/append-codec.ts';
import type { CommitListener } from '../store/engine.ts';
import type { StoredEvent } from '../store/event.ts';
import { decodePage } from '../store/page.ts';
import type { Page } from '../store/reads.ts';
import { RecordedEvent } from '../store/recorded-event.ts';
import { type Batch, type BatchAnswer, RESULT_FIXED } from './write-batch.ts';

/** Between tries to read what a writer committed and did not live to answer. */
const FILL_RETRY_MS = 1000;

export interface CommittedFeedOptions {
  readonly clock: Clock;
  /** A page of the whole store from a position on. */
  readonly readFrom: (position: number) => Promise<Page>;
  /** Called once per answer, when its events were shown. */
  readonly settle: (batch: Batch, answer: BatchAnswer) => void;
  /** A listener threw. */
  readonly onFault: (error: unknown) => void;
}

interface Held {
  readonly batch: Batch;
  readonly answer: BatchAnswer;
}

/**
 * Shows what was committed to the listener, in order of position and without a gap, before its appends are answered. Events are
 * views of the bytes that went to the writer: nothing is read back. Only what a writer committed and did not live to answer is
 * read from the store, and answers wait until that is done.
 */
export class CommittedFeed {
  listener: CommitListener | null = null;
  readonly #options: CommittedFeedOptions;
  /** Up to here everything was shown, or had nobody to be shown to. */
  #lastPosition = -1;
  readonly #held = new Fifo<Held>();
  /** Up to here it is read from the store. */
  #fillTo = -1;
  #isFilling = false;
  #isStopped = false;

  constructor(options: CommittedFeedOptions) {
    this.#options = options;
  }

  get lastPosition(): number {
    return this.#lastPosition;
  }

  /** A writer has opened the file and found this. @param isFirst nobody waits for what was there before */
  opened(lastPosition: number, isFirst: boolean): void {
    if (isFirst) this.#lastPosition = lastPosition;
    else this.#fillUpTo(lastPosition);
  }

  answered(batch: Batch, answer: BatchAnswer): void {
    this.#held.push({ batch, answer });
    if (!this.#isFilling) this.#drain();
  }

  /** Answers that wait for a fill are left to whoever stops it. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Takes answers in order, up to one that must wait. */
  #drain(): void {
    for (let next = this.#held.peek(); next !== undefined; next = this.#held.peek()) {
      const { batch, answer } = next;
      if (this.listener === null) this.#lastPosition = Math.max(this.#lastPosition, lastOf(batch, answer));
      else {
        const events = eventsOf(batch, answer);
        if (events.length > 0 && events[0]!.position > this.#lastPosition + 1) {
          this.#fillUpTo(events[0]!.position - 1);
          return;
        }
        this.#show(events);
      }
      this.#held.shift();
      this.#options.settle(batch, answer);
    }
  }

  /** What was shown already is left out. */
  #show(all: readonly StoredEvent[]): void {
    const isNew = all.length > 0 && all[0]!.position > this.#lastPosition;
    const events = isNew ? all : all.filter(({ position }) => position > this.#lastPosition);
    const last = events.at(-1);
    if (last === undefined) return;
    this.#lastPosition = last.position;
    try {
      this.listener?.committed(events);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  /** There is one fill at a time; another writer that dies meanwhile gives it more to do. */
  #fillUpTo(position: number): void {
    this.#fillTo = Math.max(this.#fillTo, position);
    if (!this.#isFilling && this.#lastPosition < this.#fillTo) void this.#fill();
  }

  /** Shows everything up to `#fillTo`, then goes on with the answers that came meanwhile. */
  async #fill(): Promise<void> {
    this.#isFilling = true;
    while (this.#lastPosition < this.#fillTo && !this.#isStopped) {
      if (this.listener === null) {
        this.#lastPosition = this.#fillTo;
        break;
      }
      try {
        const page = await this.#options.readFrom(this.#lastPosition + 1);
        this.#show(decodePage(page).filter((event) => event.position <= this.#fillTo));
      } catch {
        // It was said in the log, and shows in the status. Going on would leave a gap.
        await new Promise<void>((resolve) => this.#options.clock.setTimeout(resolve, FILL_RETRY_MS));
      }
    }
    if (this.#isStopped) return;
    this.#isFilling = false;
    this.#drain();
  }
}

/** Calls back for every append that was committed now: where it is in the batch, its last position, where its result is. */
function eachCommitted(
  { items }: Batch,
  { results, errors }: BatchAnswer,
  visit: (index: number, at: number) => void,
): void {
  let at = 0;
  let error = 0;
  for (let index = 0; index < items.length; index++) {
    const item = items[index]!;
    if (errors[error]?.index === index) error++;
    else if (item.operation === null) {
      if (results[at + 2] === 0) visit(index, at);
      at += RESULT_FIXED + item.writes;
    }
  }
}

function lastOf(batch: Batch, answer: BatchAnswer): number {
  let last = -1;
  eachCommitted(batch, answer, (_index, at) => {
    last = answer.results[at]!;
  });
  return last;
}

function eventsOf(batch: Batch, answer: BatchAnswer): RecordedEvent[] {
  const { bytes } = batch;
  const { results } = answer;
  const events: RecordedEvent[] = [];
  eachCommitted(batch, answer, (index, at) => {
    const { start, writes } = batch.items[index]!;
    addEvents(events, bytes, start, writes, results, at);
  });
  return events;
}

/** See append-codec.ts for what is where. */
function addEvents(
  events: RecordedEvent[],
  bytes: Buffer,
  start: number,
  writes: number,
  results: Float64Array,
  at: number,
): void {
  const timeUs = results[at + 1]!;
  let from = start + APPEND_HEADER_BYTES + bytes.readUInt32LE(start + 8);
  let position = results[at]! + 1 - countEvents(bytes, from, writes);
  for (let write = 0; write < writes; write++) {
    const count = bytes.readUInt32LE(from + 8);
    let version = results[at + RESULT_FIXED + write]! + 1 - count;
    from += 12;
    for (let i = 0; i < count; i++) {
      const record = from + 4;
      from = record + bytes.readUInt32LE(from);
      events.push(new RecordedEvent(bytes, record, from, position++, version++, timeUs));
    }
  }
}

function countEvents(bytes: Buffer, start: number, writes: number): number {
  if (writes === 1) return bytes.readUInt32LE(start + 8);
  let events = 0;
  let at = start;
  for (let write = 0; write < writes; write++) {
    const count = bytes.readUInt32LE(at + 8);
    events += count;
    at += 12;
    for (let i = 0; i < count; i++) at += 4 + bytes.readUInt32LE(at);
  }
  return events;
}
