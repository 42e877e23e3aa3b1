import type { Database, Statement } from '../../lib/sqlite/database.ts';
import type { AppendResult } from '../append.ts';
import { Has, RECORD_FIXED_BYTES } from '../record.ts';
import { RecordedEvent } from '../recorded-event.ts';
import type { AppendScan } from './append-scan.ts';
import { causeId } from './cause-id.ts';
import { eventChecksum } from './checksum.ts';
import type { Conditions } from './conditions.ts';
import type { EarlierAppends } from './earlier-appends.ts';
import { ROW_COLUMNS } from './event-row.ts';
import { checkExpected } from './expectations.ts';
import { Deleted, type Heads } from './heads.ts';
import type { NameEntry, NameTable } from './name-table.ts';
import type { Tail } from './tail.ts';

/** Members of a record that are columns too. */
const IN_COLUMNS = Has.CorrelationId | Has.CausationId | Has.Tags;

export interface AppendParts {
  readonly heads: Heads;
  readonly types: NameTable;
  readonly tags: NameTable;
  readonly tail: Tail;
  readonly earlier: EarlierAppends;
  readonly conditions: Conditions;
}

/** Checks appends, and writes them into the transaction that is open. */
export class Appends {
  readonly #parts: AppendParts;
  readonly #insert: Statement;

  constructor(db: Database, parts: AppendParts) {
    this.#parts = parts;
    this.#insert = db.prepare(`INSERT INTO events (${ROW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  }

  /**
   * Writes nothing.
   * @returns the answer to the same append if it was taken before; null: this one may be written
   * @throws {PlexusError} event_id_conflict, stream_tombstoned, wrong_expected_version, append_condition_failed, store_damaged
   */
  check(scan: AppendScan): AppendResult | null {
    const { earlier, heads, conditions } = this.#parts;
    const result = earlier.resultOf(scan);
    if (result !== null) return result;
    for (let w = 0; w < scan.writes; w++) {
      const stream = scan.streams[w]!;
      const head = heads.find(stream);
      checkExpected(stream, head, scan.expected[w]!);
      scan.heads[w] = head;
    }
    if (scan.condition !== null) conditions.check(scan.condition.query, scan.condition.after);
    return null;
  }

  /** Writes an append that was checked just before. */
  write(scan: AppendScan, timeUs: number): AppendResult {
    const { heads, tail } = this.#parts;
    const versions: number[] = new Array(scan.writes);
    let event = 0;
    for (let w = 0; w < scan.writes; w++) {
      const head = scan.heads[w] ?? heads.create(scan.streams[w]!, timeUs);
      if (!head.exists) heads.setDeleted(head, Deleted.No);
      for (; event < scan.ends[w]!; event++) {
        this.#writeEvent(scan, event, head.id, heads.advance(head, timeUs), timeUs);
      }
      versions[w] = head.version;
    }
    return { position: tail.end - 1, versions, timeUs, duplicate: false };
  }

  #writeEvent(scan: AppendScan, event: number, stream: number, version: number, timeUs: number): void {
    const { types, tail } = this.#parts;
    const { buffer } = scan;
    const from = scan.from[event]!;
    const to = scan.to[event]!;
    const position = tail.end;
    const typeAt = from + RECORD_FIXED_BYTES + buffer[from + 18]!;
    const type = types.use(buffer.toString('utf8', typeAt, typeAt + buffer[from + 19]!), position);
    let tags: NameEntry[] | null = null;
    let correlation: string | null = null;
    let causation: string | null = null;
    if ((buffer[from + 1]! & IN_COLUMNS) !== 0) {
      const view = new RecordedEvent(buffer, from, to, position, version, timeUs);
      if (view.tags.length > 0) tags = view.tags.map((tag) => this.#parts.tags.use(tag, position));
      correlation = view.correlationId;
      causation = view.causationId === null ? null : causeId(view.causationId);
    }
    const tagIds = tags === null ? null : tagColumn(tags);
    const record = buffer.subarray(from, to);
    const sum = eventChecksum(
      position,
      stream,
      version,
      event,
      type.id,
      timeUs,
      tagIds,
      correlation,
      causation,
      record,
    );
    this.#insert.run(position, stream, version, event, type.id, timeUs, tagIds, correlation, causation, sum, record);
    tail.add(buffer, from, to, type, tags);
  }
}

/** As it stands in `events.tags`. */
export function tagColumn(tags: readonly NameEntry[]): string {
  return `[${tags.map(({ id }) => id).join()}]`;
}
