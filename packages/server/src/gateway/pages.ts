import type { StoredEvent } from '../store/event.ts';
import { decodePage } from '../store/page.ts';
import type { Page, ReadRequest } from '../store/reads.ts';

/** Of `events`, where the caller says nothing else. */
export const DEFAULT_READ: ReadRequest = {
  stream: null,
  filter: {},
  direction: 'forwards',
  from: null,
  limit: 1000,
  maxBytes: 1024 * 1024,
  form: 'frames',
};

/**
 * The pages of a read. The next one is read while the caller works on one; never more than these two are in memory. An abort ends
 * it quietly.
 */
export async function* pagesOf(
  readPage: (request: ReadRequest) => Promise<Page>,
  request: ReadRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<Page, void, undefined> {
  const read = (from: number | null): Promise<Page> => {
    const page = readPage({ ...request, from });
    // It is looked at when its turn comes, if it comes.
    page.catch(() => {});
    return page;
  };
  const isAborted = (): boolean => signal?.aborted ?? false;
  for (let next: Promise<Page> | null = read(request.from); next !== null && !isAborted(); ) {
    const page: Page = await next;
    if (isAborted()) return;
    next = page.next === null ? null : read(page.next);
    yield page;
  }
}

const OVER = { value: undefined, done: true } as const;
const NONE: readonly never[] = [];

/** The events of pages, one by one. Not an async generator: that takes several turns of the microtask queue for each event. */
export function eventsOf(
  pages: AsyncGenerator<Page, void, undefined>,
): AsyncIterableIterator<StoredEvent, void, undefined> {
  return new PagedEvents(pages);
}

class PagedEvents implements AsyncIterableIterator<StoredEvent, void, undefined> {
  readonly #pages: AsyncGenerator<Page, void, undefined>;
  #events: readonly StoredEvent[] = NONE;
  #at = 0;
  #isOver = false;
  /** Who asks while somebody waits for a page comes after them. */
  #waiting = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(pages: AsyncGenerator<Page, void, undefined>) {
    this.#pages = pages;
  }

  next(): Promise<IteratorResult<StoredEvent, void>> {
    if (this.#waiting === 0 && this.#at < this.#events.length) {
      return Promise.resolve({ value: this.#events[this.#at++]!, done: false });
    }
    this.#waiting++;
    const result = this.#queue.then(() => this.#nextOfPages());
    const served = (): void => {
      this.#waiting--;
    };
    this.#queue = result.then(served, served);
    return result;
  }

  async return(): Promise<IteratorResult<StoredEvent, void>> {
    this.#isOver = true;
    this.#events = NONE;
    await this.#pages.return();
    return OVER;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #nextOfPages(): Promise<IteratorResult<StoredEvent, void>> {
    while (this.#at >= this.#events.length) {
      if (this.#isOver) return OVER;
      await this.#turn();
    }
    return { value: this.#events[this.#at++]!, done: false };
  }

  async #turn(): Promise<void> {
    this.#events = NONE;
    this.#at = 0;
    try {
      const { value: page, done } = await this.#pages.next();
      if (done) this.#isOver = true;
      // It may have been ended meanwhile.
      else if (!this.#isOver) this.#events = decodePage(page);
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }
}
