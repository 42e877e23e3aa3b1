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
