import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PlexusError } from '@plexus/protocol';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../lib/clock.ts';

/** Most answers that are being streamed at a time, in a node. Each holds two pages, or the queue of one reader. */
const MAX_ANSWERS = 1000;
/** How long the other end may take to read why an answer breaks off. */
const LAST_WORDS_MS = 1000;

/** One answer that is streamed. */
export class LongAnswer {
  /** Aborted when the other end is gone, or the node drains. */
  readonly signal: AbortSignal;
  readonly #raw: ServerResponse;
  readonly #abort: AbortController;
  readonly #done: (answer: LongAnswer) => void;
  readonly #clock: Clock;
  #isDraining = false;

  constructor(raw: ServerResponse, clock: Clock, done: (answer: LongAnswer) => void) {
    this.#raw = raw;
    this.#clock = clock;
    this.#abort = new AbortController();
    this.#done = done;
    this.signal = this.#abort.signal;
    raw.once('close', () => this.#abort.abort());
    raw.on('error', ignore);
  }

  /** Before this, errors are answered as usual. */
  begin(reply: FastifyReply, headers: Record<string, string>): void {
    reply.hijack();
    this.#raw.writeHead(200, headers);
    this.#raw.flushHeaders();
  }

  /** Resolves when more may be written; at once when the other end is gone. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#raw.destroyed || this.#raw.write(chunk)) return;
    try {
      await once(this.#raw, 'drain', { signal: this.signal });
    } catch (error) {
      if (!this.signal.aborted) throw error;
    }
  }

  /** Nothing is written to one that does not read. */
  writeIfIdle(chunk: string): void {
    if (!this.#raw.writableNeedDrain && !this.signal.aborted) this.#raw.write(chunk);
  }

  /** The whole answer was written. */
  end(): void {
    this.#done(this);
    this.#raw.end();
  }

  /** Says why there is no more, and breaks off: what came so far must not pass for all of it. */
  fail(lastWords: string): void {
    this.#done(this);
    const raw = this.#raw;
    if (raw.destroyed) return;
    const timer = this.#clock.setTimeout(() => raw.destroy(), LAST_WORDS_MS);
    raw.once('close', () => timer.cancel());
    raw.write(lastWords, () => raw.destroy());
  }

  /** The node stops: the answer ends as it can. */
  drain(): void {
    this.#isDraining = true;
    this.#abort.abort();
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Nothing was begun. */
  giveUp(): void {
    this.#done(this);
  }
}

/** The answers that are being streamed, which a drain must not wait for. */
export class LongAnswers {
  readonly #clock: Clock;
  readonly #open = new Set<LongAnswer>();
  #isDraining = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws {PlexusError} quota_exceeded, shutting_down */
  open(reply: FastifyReply): LongAnswer {
    if (this.#isDraining) throw new PlexusError('shutting_down');
    if (this.#open.size >= MAX_ANSWERS) throw new PlexusError('quota_exceeded', { limit: 'streamed answers' });
    const answer = new LongAnswer(reply.raw, this.#clock, (one) => this.#open.delete(one));
    this.#open.add(answer);
    return answer;
  }

  /** Idempotent. */
  drain(): void {
    this.#isDraining = true;
    for (const answer of this.#open) answer.drain();
  }

  get size(): number {
    return this.#open.size;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }
}

function ignore(): void {}
