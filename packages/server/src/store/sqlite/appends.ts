import { ByteSink } from '../../lib/byte-sink.ts';
import type { Database, Statement } from '../../lib/sqlite/database.ts';
import type { AppendResult } from '../append.ts';
import { type FrameHeader, writeFrame } from '../frame.ts';
import type { AppendScan } from './append-scan.ts';
import type { Conditions } from './conditions.ts';
import type { EarlierAppends } from './earlier-appends.ts';
import { ROW_COLUMNS, tagColumn } from './event-row.ts';
import { checkExpected } from './expectations.ts';
import { Deleted, type Heads } from './heads.ts';
import type { NameTable } from './name-table.ts';
import type { Tail } from './tail.ts';

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
  /** For an event without tags, correlation and cause. */
  readonly #insertPlain: Statement;
  /** The frame that is being made. */
  readonly #frame = new ByteSink();

  constructor(db: Database, parts: AppendParts) {
    this.#parts = parts;
    this.#insert = db.prepare(`INSERT INTO events (${ROW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#insertPlain = db.prepare(
      'INSERT INTO events (position, stream, version, type, frame) VALUES (?, ?, ?, ?, ?)',
    );
  }

  /**
   * Writes nothing.
   * @returns the answer to the same append if it was taken before; null: this one may be written
   * @throws {PlexusError} event_id_conflict, stream_tombstoned, wrong_expected_version, append_condition_failed, store_damaged;
   * overloaded: its condition takes longer to look for, ask again
   */
  check(scan: AppendScan): AppendResult | null {
    const { earlier, heads, types, tags, conditions } = this.#parts;
    const result = earlier.resultOf(scan);
    if (result !== null) return result;
    for (let w = 0; w < scan.writes; w++) {
      const stream = scan.streams[w]!;
      const head = heads.find(stream);
      checkExpected(stream, head, scan.expected[w]!);
      scan.heads[w] = head;
    }
    if (scan.condition !== null) conditions.check(scan.condition);
    // Names whose rows are damaged are this append's fault, and not that of others in its commit.
    scan.readNames();
    for (let event = 0; event < scan.events; event++) {
      types.find(scan.types[event]!);
      for (const tag of scan.extras[event]?.tags ?? NONE) tags.find(tag);
    }
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
    const { types, tags, tail } = this.#parts;
    const { buffer } = scan;
    const from = scan.from[event]!;
    const to = scan.to[event]!;
    const extras = scan.extras[event] ?? null;
    const position = tail.end;
    const type = types.use(scan.types[event]!, position);
    const entries = extras === null ? NONE : extras.tags.map((tag) => tags.use(tag, position));
    const tagIds = extras === null ? NONE : entries.map(({ id }) => id);
    const header = { position, version, timeUs, stream, type: type.id, tags: tagIds, part: event };
    const frame = this.#frameOf(header, buffer.subarray(from, to));
    if (extras === null) this.#insertPlain.write(position, stream, version, type.id, frame);
    else {
      const { correlation, causation } = extras;
      this.#insert.write(position, stream, version, type.id, tagColumn(tagIds), correlation, causation, frame);
    }
    tail.add(buffer, from, to, type, entries);
  }

  /** @returns a view, until the next one */
  #frameOf(header: FrameHeader, record: Buffer): Buffer {
    const sink = this.#frame;
    sink.truncate(0);
    writeFrame(sink, header, record);
    return sink.buffer.subarray(0, sink.length);
  }
}

const NONE: readonly never[] = [];
