import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { readUuid, UUID_BYTES } from '../../lib/uuid.ts';
import type { AppendResult } from '../append.ts';
import { RECORD_ID_OFFSET } from '../record.ts';
import type { AppendScan } from './append-scan.ts';
import { checkedRow, type EventRow, ROW_COLUMNS } from './event-row.ts';
import { IdTable } from './id-table.ts';
import { IdMisses } from './misses.ts';
import { idMsOf, type Tail } from './tail.ts';

/** Tells whether an append was taken before. */
export class EarlierAppends {
  /** Newest time in a UUID v7 among the indexed events; -1: none. A v7 with a later time cannot be one of theirs. */
  newestIndexedMs = -1;
  readonly #file: string;
  readonly #tail: Tail;
  /** Ids of the append that is looked at. */
  readonly #seen = new IdTable();
  readonly #index: Statement<readonly [number]>;
  readonly #misses: IdMisses;
  readonly #rows: Statement<EventRow>;

  constructor(db: Database, tail: Tail) {
    this.#file = db.file;
    this.#tail = tail;
    this.#misses = new IdMisses(db);
    this.#index = db.prepareRows('SELECT position FROM id_index WHERE id = ?');
    this.#rows = db.prepareRows(`SELECT ${ROW_COLUMNS} FROM events WHERE position BETWEEN ? AND ? ORDER BY position`);
  }

  /**
   * @returns the answer to the earlier append of just these events; null: none of their ids is known
   * @throws {PlexusError} event_id_conflict; store_damaged
   */
  resultOf(scan: AppendScan): AppendResult | null {
    if (scan.events > 1) this.#refuseTwice(scan);
    for (let event = 0; event < scan.events; event++) {
      const position = this.#positionOf(scan, event);
      if (position === -1) continue;
      const result = this.#compare(scan, event, position);
      if (result === null) throw conflict(scan, event);
      return result;
    }
    return null;
  }

  #refuseTwice(scan: AppendScan): void {
    const seen = this.#seen;
    seen.clear();
    for (let event = 0; event < scan.events; event++) {
      const at = scan.from[event]! + RECORD_ID_OFFSET;
      if (seen.get(scan.buffer, at) !== -1) throw conflict(scan, event);
      seen.add(scan.buffer, at, event);
    }
  }

  /** @returns -1: its id is not known */
  #positionOf(scan: AppendScan, event: number): number {
    const from = scan.from[event]!;
    const inTail = this.#tail.positionOf(scan.buffer, from);
    if (inTail !== -1) return inTail;
    if (idMsOf(scan.buffer, from) > this.newestIndexedMs) return -1;
    const id = idBytes(scan.buffer, from);
    const row = this.#index.get(id);
    if (row !== undefined) return row[0];
    this.#misses.check(id);
    return -1;
  }

  /** @param position of the event of the store that has the id of `event` @returns null: it came in another append */
  #compare(scan: AppendScan, event: number, position: number): AppendResult | null {
    const first = position - event;
    const versions: number[] = [];
    let at = 0;
    let timeUs = 0;
    // One too many: the last one must be the last of its append.
    for (const row of this.#rows.iterate(first, first + scan.events)) {
      const stored = checkedRow(this.#file, row);
      if (at === scan.events) return stored.part === 0 ? this.#result(first + at - 1, versions, timeUs) : null;
      if (stored.position === position && !stored.hasId(idBytes(scan.buffer, scan.from[event]!))) {
        throw damaged(this.#file, 'an entry of the index of ids leads to another event', position);
      }
      const isSame = stored.position === first + at && stored.part === at && scan.record(at).equals(stored.record);
      if (!isSame) return null;
      timeUs = stored.timeUs;
      at++;
      if (at === scan.ends[versions.length]) versions.push(stored.version);
    }
    return at === scan.events ? this.#result(first + at - 1, versions, timeUs) : null;
  }

  #result(position: number, versions: readonly number[], timeUs: number): AppendResult {
    return { position, versions, timeUs, duplicate: true };
  }
}

const idBytes = (buffer: Buffer, record: number): Buffer =>
  buffer.subarray(record + RECORD_ID_OFFSET, record + RECORD_ID_OFFSET + UUID_BYTES);

function conflict(scan: AppendScan, event: number): PlexusError {
  return new PlexusError('event_id_conflict', { id: readUuid(scan.buffer, scan.from[event]! + RECORD_ID_OFFSET) });
}
