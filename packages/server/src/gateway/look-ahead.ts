import type { ConditionView } from '../store/append-codec.ts';
import { decodePage } from '../store/page.ts';
import type { Page, ReadRequest } from '../store/reads.ts';

/** What a writer looks through by itself: entries of an index, for all items of a query together. Some milliseconds. */
const MOST_FOR_WRITER = 20_000;
const FIRST_MATCH = { limit: 1, maxBytes: 1, form: 'frames' } as const;

/**
 * Whether looking for what a condition is about would hold up the writer, and with it everybody else's appends.
 * @param lastPosition of the store
 */
export function isBroad({ query, after }: ConditionView, lastPosition: number): boolean {
  return (lastPosition - after) * query.length > MOST_FOR_WRITER;
}

/**
 * Looks in the writer's stead, as of now, and page by page: so it holds up nobody. The last word stays with the writer, which
 * knows first whether the append was taken before, and looks at what has come since.
 * @returns no event after `after` up to this position matches; if one does, it is the next
 */
export async function lookAhead(
  { query, after }: ConditionView,
  read: (request: ReadRequest) => Promise<Page>,
): Promise<number> {
  for (let from = after + 1; ; ) {
    const request: ReadRequest = { stream: null, filter: { query }, direction: 'forwards', from, ...FIRST_MATCH };
    const page = await read(request);
    const [match] = decodePage(page);
    if (match !== undefined) return match.position - 1;
    if (page.next === null) return Math.max(after, page.lastPosition);
    from = page.next;
  }
}
