import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { rowChecksum } from './checksum.ts';
import { entrySum, entrySumSql } from './entry-sum.ts';
import { forgetOldest } from './forget-oldest.ts';
import { NameMisses } from './misses.ts';

/** Names outside the tail that are kept in memory; the table has them all. */
const MAX_KEPT = 65_536;
/** Names that are known not to be there. */
const MAX_ABSENT = 4096;

type Row = readonly [id: number, count: number, checksum: number];

/** A type or a tag, and where it is. */
export class NameEntry {
  readonly id: number;
  readonly name: string;
  /** Indexed events that have it. */
  count: number;
  /** Positions of the tail's events that have it, in ascending order. */
  tail: number[] = [];

  constructor(id: number, name: string, count: number) {
    this.id = id;
    this.name = name;
    this.count = count;
  }
}

/** The types or the tags of a store, as they are after everything that was written, committed or not. */
export class NameTable {
  readonly #file: string;
  readonly #table: 'types' | 'tags';
  readonly #select: Statement<Row>;
  readonly #lastId: Statement<readonly [number | null]>;
  readonly #misses: NameMisses;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #indexOne: Statement;
  readonly #indexMany: Statement;
  /** Those of the tail's events. */
  readonly #inTail = new Map<string, NameEntry>();
  /** Others, the longest unused first. */
  readonly #kept = new Map<string, NameEntry>();
  /** Names that were looked for and are not there: only this writer makes any. */
  readonly #absent = new Set<string>();
  #nextId = 0;

  constructor(db: Database, table: 'types' | 'tags') {
    this.#file = db.file;
    this.#table = table;
    this.#select = db.prepareRows(`SELECT id, count, checksum FROM ${table} WHERE name = ?`);
    this.#lastId = db.prepareRows(`SELECT max(id) FROM ${table}`);
    this.#misses = new NameMisses(db, table);
    this.#insert = db.prepare(`INSERT INTO ${table} (id, name, count, checksum) VALUES (?, ?, 0, ?)`);
    this.#update = db.prepare(`UPDATE ${table} SET count = ?, checksum = ? WHERE id = ?`);
    const index = table === 'types' ? 'type_index (type, position, n, sum)' : 'tag_index (tag, position, n, sum)';
    this.#indexOne = db.prepare(`INSERT INTO ${index} VALUES (?, ?, ?, ?)`);
    const sum = entrySumSql('?1', 'value', '?2 + key');
    // Why `OR ROLLBACK`: indexing.ts.
    this.#indexMany = db.prepare(
      `INSERT OR ROLLBACK INTO ${index} SELECT ?1, value, ?2 + key, ${sum} FROM json_each(?3)`,
    );
  }

  /** Forgets everything and begins with what the table says. */
  load(): void {
    this.#inTail.clear();
    this.#kept.clear();
    this.#absent.clear();
    this.#nextId = (this.#lastId.get()![0] ?? 0) + 1;
  }

  /** @throws {PlexusError} store_damaged */
  find(name: string): NameEntry | null {
    return this.#inTail.get(name) ?? this.#kept.get(name) ?? this.#fetch(name);
  }

  /** Notes that the event at `position`, the next of the tail, has this name. */
  use(name: string, position: number): NameEntry {
    const used = this.#inTail.get(name);
    if (used !== undefined) {
      used.tail.push(position);
      return used;
    }
    const entry = this.find(name) ?? this.#create(name);
    this.#kept.delete(name);
    this.#inTail.set(name, entry);
    entry.tail.push(position);
    return entry;
  }

  /** Makes the index entries of the tail's events, and brings the counts up to date. */
  index(): void {
    for (const entry of this.#inTail.values()) {
      const { id, count, tail } = entry;
      // Entries of one name lie side by side: with one statement for all of them its page is looked for once.
      if (tail.length === 1) this.#indexOne.write(id, tail[0]!, count, entrySum(id, tail[0]!, count));
      else this.#indexMany.write(id, count, JSON.stringify(tail));
      entry.count = count + tail.length;
      entry.tail = [];
      const { changes } = this.#update.run(entry.count, this.#checksum(entry), entry.id);
      if (changes !== 1) throw damaged(this.#file, `${entry.name} is lost among the ${this.#table}`);
      this.#kept.set(entry.name, entry);
    }
    this.#inTail.clear();
    forgetOldest(this.#kept, MAX_KEPT);
  }

  #create(name: string): NameEntry {
    this.#absent.delete(name);
    const entry = new NameEntry(this.#nextId++, name, 0);
    this.#insert.write(entry.id, name, this.#checksum(entry));
    return entry;
  }

  #fetch(name: string): NameEntry | null {
    if (this.#absent.has(name)) return null;
    const row = this.#select.get(name);
    if (row === undefined) {
      this.#misses.check(name);
      if (this.#absent.size >= MAX_ABSENT) this.#absent.clear();
      this.#absent.add(name);
      return null;
    }
    const entry = new NameEntry(row[0], name, row[1]);
    if (this.#checksum(entry) !== row[2]) {
      throw damaged(this.#file, `the row of ${name} among the ${this.#table} differs from its checksum`);
    }
    this.#kept.set(name, entry);
    forgetOldest(this.#kept, MAX_KEPT);
    return entry;
  }

  #checksum({ id, name, count }: NameEntry): number {
    return rowChecksum(this.#table, id, name, count);
  }
}
