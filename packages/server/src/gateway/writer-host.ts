import { PlexusError } from '@plexus/protocol';
import { systemClock } from '../lib/clock.ts';
import type { Hosted, Reply } from '../lib/sqlite/hosted.ts';
import type { AppendResult } from '../store/append.ts';
import { LOG_PAGES_TO_MOVE, StoreWriter, type WriteItem, type WriteOutcome } from '../store/sqlite/writer.ts';
import type { FromWriter, ItemError, WriteBatch, WriterInit } from './messages.ts';
import { RESULT_FIXED } from './write-batch.ts';

/** After index work that failed. */
const TEND_AGAIN_MS = 1000;

/** The writer of a store in its thread: everything that waits becomes one commit. */
export function create({ file, store, cacheBytes }: WriterInit, reply: Reply): Hosted {
  const writer = StoreWriter.open({ file, store, cacheBytes, wallMs: () => systemClock.wallMs() });
  const say = (message: FromWriter, transfer: readonly ArrayBuffer[] = []): void => reply(message, transfer);
  say({ kind: 'opened', lastPosition: writer.lastPosition });
  /** Pages of its log that were not in the file when that was last said. */
  let saidPages = 0;
  const tellOfLog = (): void => {
    const pages = writer.unmovedPages;
    if (pages < LOG_PAGES_TO_MOVE) saidPages = 0;
    else if (pages >= saidPages + LOG_PAGES_TO_MOVE) {
      saidPages = pages;
      say({ kind: 'log' });
    }
  };
  return {
    handle: (messages) => {
      const batches = messages as readonly WriteBatch[];
      const outcomes = writer.commit(batches.flatMap(itemsOf));
      let at = 0;
      for (const batch of batches) {
        const answer = answerOf(batch, outcomes, at);
        at += batch.count;
        say(answer, [answer.buffer.buffer as ArrayBuffer, answer.results.buffer as ArrayBuffer]);
      }
    },
    idle: () => tend(writer, tellOfLog),
    close: () => writer.close(),
  };
}

/** Index work can wait for room on the disk. */
function tend(writer: StoreWriter, tellOfLog: () => void): number | null {
  try {
    const againMs = writer.tend();
    tellOfLog();
    return againMs;
  } catch (error) {
    if (error instanceof PlexusError && error.retryable) return TEND_AGAIN_MS;
    throw error;
  }
}

function itemsOf({ buffer, count, others }: WriteBatch): WriteItem[] {
  const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const items: WriteItem[] = new Array(count);
  let start = 0;
  let other = 0;
  for (let i = 0; i < count; i++) {
    const next = others[other];
    if (next !== undefined && next.index === i) {
      items[i] = { kind: next.operation, request: next.request } as WriteItem;
      other++;
    } else {
      items[i] = { kind: 'append', buffer: bytes, start };
      // An append begins with its length.
      start += bytes.readUInt32LE(start);
    }
  }
  return items;
}

type Done = Extract<FromWriter, { kind: 'done' }>;

function answerOf(batch: WriteBatch, outcomes: readonly WriteOutcome[], from: number): Done {
  const errors: ItemError[] = [];
  const others: { index: number; result: unknown }[] = [];
  const appends: AppendResult[] = [];
  let size = 0;
  let other = 0;
  for (let index = 0; index < batch.count; index++) {
    const outcome = outcomes[from + index]!;
    const isOther = batch.others[other]?.index === index;
    if (isOther) other++;
    if (!outcome.ok) errors.push({ index, code: outcome.error.code, details: outcome.error.details });
    else if (isOther) others.push({ index, result: outcome.result });
    else {
      const result = outcome.result as AppendResult;
      appends.push(result);
      size += RESULT_FIXED + result.versions.length;
    }
  }
  return { kind: 'done', batch: batch.batch, buffer: batch.buffer, results: packed(appends, size), others, errors };
}

function packed(appends: readonly AppendResult[], size: number): Float64Array {
  const results = new Float64Array(size);
  let at = 0;
  for (const { position, timeUs, duplicate, versions } of appends) {
    results[at] = position;
    results[at + 1] = timeUs;
    results[at + 2] = duplicate ? 1 : 0;
    at += RESULT_FIXED;
    for (const version of versions) results[at++] = version;
  }
  return results;
}
