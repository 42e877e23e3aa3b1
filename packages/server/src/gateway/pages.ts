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
  /** Until the next page is there. */
  #turning: Promise<void> | null = null;
  #isOver = false;

  constructor(pages: AsyncGenerator<Page, void, undefined>) {
    this.#pages = pages;
  }

  next(): Promise<IteratorResult<StoredEvent, void>> {
    if (this.#at < this.#events.length) return Promise.resolve({ value: this.#events[this.#at++]!, done: false });
    return this.#nextOfPage();
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

  async #nextOfPage(): Promise<IteratorResult<StoredEvent, void>> {
    // Others may ask meanwhile, and take of the page what is left of it.
    while (this.#at >= this.#events.length) {
      if (this.#isOver) return OVER;
      this.#turning ??= this.#turn();
      await this.#turning;
    }
    return { value: this.#events[this.#at++]!, done: false };
  }

  async #turn(): Promise<void> {
    try {
      const { value: page, done } = await this.#pages.next();
      if (done) this.#isOver = true;
      this.#events = done || this.#isOver ? NONE : decodePage(page);
      this.#at = 0;
    } catch (error) {
      this.#isOver = true;
      throw error;
    } finally {
      this.#turning = null;
    }
  }
}
