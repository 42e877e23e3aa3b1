import { threadId } from 'node:worker_threads';
import type { Hosted, Reply } from '../../lib/sqlite/hosted.ts';
import type { FromReader, ReadBatch } from '../messages.ts';

export const SLOW_MS = 600;

/**
 * A reader that does what the names of streams tell it: `die` always dies, `hang` never comes back, `slow` takes
 * `SLOW_MS`, `busy` and `damaged` are
 * errors; of all others the version is the number of its thread.
 */
export function create(_init: unknown, reply: Reply): Hosted {
  return {
    handle: (messages) => {
      for (const { id, request } of (messages as readonly ReadBatch[]).flat()) {
        const { stream } = request as { stream: string };
        if (stream === 'die') process.exit(1);
        if (stream === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        if (stream === 'slow') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SLOW_MS);
        const details = { store: 'test', file: 'test.db', problem: 'as told', position: 7, reason: 'as told' };
        const answer: FromReader[number] =
          stream === 'busy' || stream === 'damaged'
            ? { id, ok: false, code: stream === 'busy' ? 'store_unavailable' : 'store_damaged', details, text: '' }
            : { id, ok: true, result: { stream, version: threadId } };
        reply([answer]);
      }
    },
    idle: () => null,
    close: () => {},
  };
}
