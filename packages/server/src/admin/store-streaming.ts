import { PlexusError } from '@plexus/protocol';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../lib/clock.ts';
import type { StoredEvent } from '../store/event.ts';
import { eventJson } from '../store/event-json.ts';
import { decodePage } from '../store/page.ts';
import type { Page } from '../store/reads.ts';
import type { Selector } from '../store/selector.ts';
import { checkSelector } from '../store/selectors/check-selector.ts';
import type { Store } from '../store/store.ts';
import type { StartFrom } from '../store/subscription.ts';
import { asPlexusError } from './error-answer.ts';
import { coarseSelector, filterPredicate } from './event-filter.ts';
import type { LongAnswer, LongAnswers } from './long-answers.ts';
import type { AdminLog } from './ports.ts';
import { asServerSentEvents, linePages, type Reading } from './store-reads.ts';

export const NDJSON_TYPE = 'application/x-ndjson';
export const SSE_TYPE = 'text/event-stream';
/** Between two signs of life of a stream: proxies cut connections that are silent for a minute or so. */
const HEARTBEAT_MS = 15_000;

export interface Streaming {
  readonly answers: LongAnswers;
  readonly clock: Clock;
  readonly log: AdminLog;
}

/** A live stream: where it begins, and which events it has. */
export type Following =
  /** History as readers find it, then the same filter on live events. `from` null: the beginning. */
  | { readonly kind: 'filter'; readonly reading: Reading; readonly onlyNew: boolean }
  | { readonly kind: 'selector'; readonly selector: Selector; readonly from: StartFrom; readonly onlyNew: boolean };

/** Writes every event of a read as a line of JSON, a page at a time, as fast as the other end reads. */
export async function answerLines(
  { answers, log }: Streaming,
  reply: FastifyReply,
  { store, reading, limit }: { store: Store; reading: Reading; limit: number | null },
): Promise<void> {
  const answer = answers.open(reply);
  let begun = false;
  try {
    for await (const page of linePages(store, reading, limit, answer.signal)) {
      if (!begun) {
        begun = true;
        answer.begin(reply, { 'content-type': NDJSON_TYPE, 'plexus-last-position': `${page.lastPosition}` });
      }
      if (page.count > 0) await answer.write(page.bytes);
    }
    if (answer.isDraining) throw new PlexusError('shutting_down');
    answer.end();
  } catch (error) {
    if (!begun) {
      answer.giveUp();
      throw error;
    }
    answer.fail(`${errorText(error, log)}\n`);
  }
}

/** Writes events as server-sent events: those that there are, then those that come, until the other end goes. */
export async function answerLive(
  { answers, clock, log }: Streaming,
  reply: FastifyReply,
  { store, following, limit }: { store: Store; following: Following; limit: number | null },
): Promise<void> {
  const answer = answers.open(reply);
  const stream = new LiveStream(store, answer, limit ?? Number.POSITIVE_INFINITY);
  let begun = false;
  try {
    const first = await stream.prepare(following);
    begun = true;
    answer.begin(reply, { 'content-type': SSE_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    const heartbeat = clock.setInterval(() => answer.writeIfIdle(':\n\n'), HEARTBEAT_MS);
    try {
      // Of what comes from now on nothing may come: one that reconnects says with this where "now" was.
      if (first.begin !== null) await answer.write(`id: ${first.begin}\n\n`);
      await stream.run(first);
    } finally {
      heartbeat.cancel();
    }
    if (answer.isDraining) throw new PlexusError('shutting_down');
    answer.end();
  } catch (error) {
    if (!begun) {
      answer.giveUp();
      throw error;
    }
    answer.fail(`event: fault\ndata: ${errorText(error, log)}\n\n`);
  }
}

const errorText = (thrown: unknown, log: AdminLog): string => JSON.stringify(asPlexusError(thrown, 0, log));

/** What `prepare` found, and `run` goes on with. */
interface Start {
  readonly history: AsyncIterator<Page, unknown> | null;
  readonly firstPage: Page | null;
  readonly selector: Selector;
  /** Where live events begin, if there is no history. */
  readonly from: StartFrom;
  readonly wants: (event: StoredEvent) => boolean;
  readonly id: 'version' | 'position';
  /** The id after which all is new, -1 where there is nothing; null: it does not begin with what is new. */
  readonly begin: number | null;
}

class LiveStream {
  readonly #store: Store;
  readonly #answer: LongAnswer;
  #left: number;

  constructor(store: Store, answer: LongAnswer, limit: number) {
    this.#store = store;
    this.#answer = answer;
    this.#left = limit;
  }

  /** Up to the first page: what is wrong with the request shows before anything is answered. */
  async prepare(following: Following): Promise<Start> {
    const nothingRead = { history: null, firstPage: null } as const;
    if (following.kind === 'selector') {
      const { selector, onlyNew } = following;
      checkSelector(selector);
      const last = onlyNew ? await this.#store.latest() : -1;
      const from = onlyNew ? last + 1 : following.from;
      return { ...nothingRead, selector, from, wants: () => true, id: 'position', begin: onlyNew ? last : null };
    }
    const { reading, onlyNew } = following;
    const { stream, filter } = reading;
    const id = stream === null ? 'position' : 'version';
    const matches = filterPredicate(filter);
    const from = reading.from ?? 0;
    const wants = (event: StoredEvent): boolean => event[id] >= from && matches(event);
    const start = { ...nothingRead, selector: coarseSelector(stream, filter), wants, id, begin: null } as const;
    checkSelector(start.selector);
    // Everything that was acknowledged up to here, a read sees that begins now.
    const last = await this.#store.latest();
    if (onlyNew) return { ...start, ...(await this.#now(stream, last)) };
    const history = linePages(this.#store, reading, null, this.#answer.signal);
    try {
      const { value, done } = await history.next();
      return { ...start, history, firstPage: done === true ? null : value, from: last + 1 };
    } catch (error) {
      // One waits for a stream that is not there yet, or not there any more: it may come.
      if (!isAwaited(error)) throw error;
      return { ...start, from: last + 1 };
    }
  }

  /** Where what is new begins: by position, and by id. */
  async #now(stream: string | null, last: number): Promise<{ from: number; begin: number }> {
    if (stream === null) return { from: last + 1, begin: last };
    const one = { filter: {}, direction: 'backwards', from: null, limit: 1, maxBytes: 1, form: 'frames' } as const;
    try {
      const page = await this.#store.read('readEvents', { ...one, stream });
      return { from: page.lastPosition + 1, begin: decodePage(page)[0]?.version ?? -1 };
    } catch (error) {
      if (!isAwaited(error)) throw error;
      return { from: last + 1, begin: -1 };
    }
  }

  async run(start: Start): Promise<void> {
    const { history, firstPage, selector, wants, id } = start;
    let { from } = start;
    let caughtUp = false;
    if (history !== null) {
      for (let page = firstPage; page !== null && this.#left > 0 && !this.#answer.signal.aborted; ) {
        await this.#writePage(page, id);
        // The last page says up to where the store was read to the end.
        from = page.lastPosition + 1;
        const { value, done } = await history.next();
        page = done === true ? null : value;
      }
      await history.return?.(undefined);
    }
    if (this.#left === 0 || this.#answer.signal.aborted) return;
    const onCaughtUp = (): void => {
      if (caughtUp) return;
      caughtUp = true;
      this.#answer.writeIfIdle(': caught up\n\n');
    };
    const { signal } = this.#answer;
    for await (const event of this.#store.catchUp({ selector, from, signal, onCaughtUp })) {
      if (!wants(event)) continue;
      await this.#answer.write(serverSentEvent(event, id));
      if (--this.#left === 0) return;
    }
  }

  async #writePage(page: Page, id: 'version' | 'position'): Promise<void> {
    if (page.count === 0) return;
    const { bytes, count } = firstLines(page, this.#left);
    this.#left -= count;
    await this.#answer.write(asServerSentEvents(bytes, id));
  }
}

/** Whether it says that the stream is not there, which may come. */
const isAwaited = (error: unknown): boolean =>
  error instanceof PlexusError && (error.code === 'stream_not_found' || error.code === 'stream_deleted');

const NEWLINE = 10;

/** The first lines of a page, as many as are still wanted. */
function firstLines({ bytes, count }: Page, most: number): { bytes: Uint8Array; count: number } {
  if (count <= most) return { bytes, count };
  let end = 0;
  for (let i = 0; i < most; i++) end = bytes.indexOf(NEWLINE, end) + 1;
  return { bytes: bytes.subarray(0, end), count: most };
}

/** Events by the text that was made of them: the same one goes to everybody who listens. */
const shown = new WeakMap<StoredEvent, string>();

function serverSentEvent(event: StoredEvent, id: 'version' | 'position'): string {
  let data = shown.get(event);
  if (data === undefined) {
    data = JSON.stringify(eventJson(event));
    shown.set(event, data);
  }
  return `id: ${event[id]}\ndata: ${data}\n\n`;
}
