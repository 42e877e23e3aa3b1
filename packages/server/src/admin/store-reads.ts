import type { Page, ReadRequest } from '../store/reads.ts';
import type { Store } from '../store/store.ts';
import { DEFAULT_LIMIT } from './schemas.ts';

const MiB = 1024 * 1024;
/** An answer in one piece ends with the event that reaches this. */
const MAX_ANSWER_BYTES = 4 * MiB;
/**
 * Slices of a read for one answer in one piece: readers look at so many events and no more at a time, and where few match
 * a caller should not have to come again for each of them.
 */
const MAX_SLICES = 16;
/** Of a read that is streamed: what is held of it. */
const STREAM_PAGE = { limit: 2000, maxBytes: MiB } as const;

const NEWLINE = 10;
const COMMA = 44;
const NOTHING = Buffer.alloc(0);

/** What of a store is read, without the sizes. */
export type Reading = Pick<ReadRequest, 'stream' | 'filter' | 'direction' | 'from'>;

/** @returns the body of an answer: `{"events":[…],"next":…,"lastPosition":…}` */
export async function readJson(store: Store, reading: Reading, limit = DEFAULT_LIMIT): Promise<Buffer> {
  const chunks: Buffer[] = [Buffer.from('{"events":[')];
  let { from } = reading;
  let [count, bytes, slices, lastPosition] = [0, 0, 0, -1];
  let next: number | null = null;
  do {
    const page = await store.read('readEvents', {
      ...reading,
      from,
      limit: limit - count,
      maxBytes: MAX_ANSWER_BYTES - bytes,
      form: 'ndjson',
    });
    if (page.count > 0) chunks.push(asList(page.bytes));
    count += page.count;
    bytes += page.bytes.length;
    // Backwards, what came after the first slice was read is not in the answer.
    if (slices++ === 0 || reading.direction === 'forwards') lastPosition = page.lastPosition;
    next = page.next;
    from = next;
  } while (next !== null && count < limit && bytes < MAX_ANSWER_BYTES && slices < MAX_SLICES);
  if (count > 0) chunks.push(chunks.pop()!.subarray(0, -1));
  chunks.push(Buffer.from(`],"next":${next},"lastPosition":${lastPosition}}`));
  return Buffer.concat(chunks);
}

/** Lines of JSON as members of a list, with a comma after the last too. Newlines within a line are escaped, so none is one. */
function asList(lines: Uint8Array): Buffer {
  const buffer = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  for (let at = buffer.indexOf(NEWLINE); at !== -1; at = buffer.indexOf(NEWLINE, at + 1)) buffer[at] = COMMA;
  return buffer;
}

/** Pages of lines of JSON. @param limit most events; null: all there are */
export async function* linePages(
  store: Store,
  reading: Reading,
  limit: number | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const request: ReadRequest = { ...reading, ...STREAM_PAGE, form: 'ndjson' };
  if (limit === null) {
    yield* store.pages(request, signal);
    return;
  }
  let { from } = reading;
  let left = limit;
  for (;;) {
    const page = await store.read('readEvents', { ...request, from, limit: Math.min(left, STREAM_PAGE.limit) });
    yield page;
    left -= page.count;
    from = page.next;
    if (from === null || left <= 0 || signal.aborted) return;
  }
}

const VERSION_MEMBER = Buffer.from('"version":');
const POSITION_MEMBER = Buffer.from('"position":');

/**
 * Lines of JSON as server-sent events, `id` being the version or the position.
 * The members that it looks for come before any that a caller writes; within a text their quotes would be escaped.
 */
export function asServerSentEvents(lines: Uint8Array, id: 'version' | 'position'): Buffer {
  const buffer = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  const member = id === 'version' ? VERSION_MEMBER : POSITION_MEMBER;
  const chunks: Buffer[] = [];
  let start = 0;
  for (let end = buffer.indexOf(NEWLINE); end !== -1; end = buffer.indexOf(NEWLINE, start)) {
    const from = buffer.indexOf(member, start) + member.length;
    const number = buffer.toString('latin1', from, buffer.indexOf(COMMA, from));
    chunks.push(Buffer.from(`id: ${number}\ndata: `), buffer.subarray(start, end), BLANK_LINE);
    start = end + 1;
  }
  return chunks.length === 0 ? NOTHING : Buffer.concat(chunks);
}

const BLANK_LINE = Buffer.from('\n\n');
