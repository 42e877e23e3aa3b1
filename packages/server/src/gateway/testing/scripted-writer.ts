import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Hosted, Reply } from '../../lib/sqlite/hosted.ts';
import { readAppend } from '../../store/append-codec.ts';
import { RecordedEvent } from '../../store/recorded-event.ts';
import type { FromWriter, ItemError, WriteBatch, WriterInit } from '../messages.ts';

/**
 * A writer that does what the types of events tell it, and keeps ids in a JSON file: `die-after` dies when it has stored them
 * and before it says so, `die-before` before it has stored them, once; `die` every time; `hang` never comes back; `busy` is
 * `store_unavailable` the first two times; `full` is `store_full`. All others are stored.
 */
export function create({ file }: WriterInit, reply: Reply): Hosted {
  const state: { ids: string[]; seen: string[] } = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { ids: [], seen: [] };
  const save = (): void => writeFileSync(file, JSON.stringify(state));
  const say = (message: FromWriter): void => reply(message);
  save();
  say({ kind: 'opened', lastPosition: state.ids.length - 1 });

  /** @returns how often it has been seen before */
  const see = (id: string): number => {
    const before = state.seen.filter((seen) => seen === id).length;
    state.seen.push(id);
    save();
    return before;
  };

  const take = ({ type, id }: RecordedEvent, errors: ItemError[], index: number): number[] => {
    const before = see(id);
    if (type === 'die' || (type === 'die-before' && before === 0)) process.exit(1);
    if (type === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    if (type === 'full' || (type === 'busy' && before < 2)) {
      const code = type === 'full' ? 'store_full' : 'store_unavailable';
      errors.push({ index, code, details: { store: 'test', file, reason: 'as told' } });
      return [];
    }
    const known = state.ids.indexOf(id);
    if (known >= 0) return [known, 1, 1, known];
    state.ids.push(id);
    save();
    if (type === 'die-after') process.exit(1);
    return [state.ids.length - 1, 1, 0, state.ids.length - 1];
  };

  return {
    handle: (messages) => {
      for (const { batch, buffer, count } of messages as readonly WriteBatch[]) {
        const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
        const errors: ItemError[] = [];
        const results: number[] = [];
        let start = 0;
        for (let index = 0; index < count; index++) {
          const view = readAppend(bytes, start);
          const [from, to] = view.writes[0]!.records as [number, number];
          results.push(...take(new RecordedEvent(bytes, from, to, 0, 0, 0), errors, index));
          start = view.end;
        }
        say({ kind: 'done', batch, buffer, results: Float64Array.from(results), others: [], errors });
      }
    },
    idle: () => null,
    close: () => {},
  };
}
