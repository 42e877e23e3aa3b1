import { isMarkedAsUntransferable } from 'node:worker_threads';
import { systemClock } from '../lib/clock.ts';
import { errorMessage, type Hosted, type Reply } from '../lib/sqlite/hosted.ts';
import { StoreReader } from '../store/sqlite/reader.ts';
import type { FromReader, ReadAnswer, ReadBatch, ReaderInit, ReadItem } from './messages.ts';

/** Answers leave together if they were found within this time: a message costs more than a small read. */
const GATHER_MS = 1;

/** A reader of a store in its thread. */
export function create({ file, store, cacheBytes }: ReaderInit, reply: Reply): Hosted {
  const reader = StoreReader.open({ file, store, cacheBytes });
  let answers: ReadAnswer[] = [];
  let transfer: ArrayBuffer[] = [];

  const flush = (): void => {
    reply(answers satisfies FromReader, transfer);
    answers = [];
    transfer = [];
  };

  return {
    handle: (messages) => {
      let since = systemClock.now();
      for (const item of (messages as readonly ReadBatch[]).flat()) {
        answers.push(answerOf(reader, item, transfer));
        const now = systemClock.now();
        if (now - since < GATHER_MS) continue;
        reader.release();
        flush();
        since = now;
      }
      reader.release();
      if (answers.length > 0) flush();
    },
    idle: () => null,
    close: () => reader.close(),
  };
}

function answerOf(reader: StoreReader, { id, operation, request }: ReadItem, transfer: ArrayBuffer[]): ReadAnswer {
  try {
    return { id, ok: true, result: ready(reader.readOn(operation, request as never), transfer) };
  } catch (error) {
    const { code, details, text } = errorMessage(error);
    return { id, ok: false, code: code ?? 'internal', details, text };
  }
}

/** Pages go over without a copy. Empty ones may be one and the same, which could go over only once. */
function ready(result: unknown, transfer: ArrayBuffer[]): unknown {
  if (typeof result !== 'object' || result === null || !('bytes' in result)) return result;
  const { bytes } = result;
  if (!(bytes instanceof Uint8Array)) return result;
  if (bytes.length === 0) return { ...result, bytes: new Uint8Array(0) };
  const buffer = bytes.buffer as ArrayBuffer;
  if (!isMarkedAsUntransferable(buffer) && !transfer.includes(buffer)) transfer.push(buffer);
  return result;
}
