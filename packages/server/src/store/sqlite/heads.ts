import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { rowChecksum } from './checksum.ts';
import { forgetOldest } from './forget-oldest.ts';
import type { Meta } from './meta.ts';
import { NameMisses } from './misses.ts';

/** What became of a stream, in `streams.deleted`. */
export const Deleted = { No: 0, Soft: 1, Tombstone: 2 } as const;
export type Deleted = (typeof Deleted)[keyof typeof Deleted];

/** Streams outside the tail that are kept in memory; the table has them all. */
const MAX_KEPT = 65_536;

type Row = readonly [
  id: number,
  version: number,
  first: number,
  deleted: Deleted,
  created: number,
  written: number,
  checksum: number,
];

/** The end of a stream: what an append to it is checked against. */
export class Head {
  readonly id: number;
  readonly name: string;
  /** Of its last event; -1: it has none. */
  version: number;
  first: number;
  deleted: Deleted;
  readonly createdUs: number;
  writtenUs: number;
  /** As they are in the table. */
  storedVersion: number;
  storedWrittenUs: number;

  constructor(id: number, name: string, version: number, first: number, deleted: Deleted, created: number, at: number) {
    this.id = id;
    this.name = name;
    this.version = version;
    this.first = first;
    this.deleted = deleted;
    this.createdUs = created;
    this.writtenUs = at;
    this.storedVersion = version;
    this.storedWrittenUs = at;
  }

  get exists(): boolean {
    return this.deleted === Deleted.No;
  }
}

/** The streams of a store, as they are after everything that was written, committed or not. */
export class Heads {
  readonly #file: string;
  readonly #meta: Meta;
  readonly #select: Statement<Row>;
  readonly #lastId: Statement<readonly [number | null]>;
  readonly #misses: NameMisses;
  readonly #insert: Statement;
  readonly #update: Statement;
  /** Those with events in the tail: their rows are behind. */
  readonly #inTail = new Map<string, Head>();
  /** Others, the longest unused first. */
  readonly #kept = new Map<string, Head>();
  #nextId = 0;
  #existing = 0;
  #storedExisting = 0;

  constructor(db: Database, meta: Meta) {
    this.#file = db.file;
    this.#meta = meta;
    const columns = 'id, version, first, deleted, created, written, checksum';
    this.#select = db.prepareRows(`SELECT ${columns} FROM streams WHERE name = ?`);
    this.#lastId = db.prepareRows('SELECT max(id) FROM streams');
    this.#misses = new NameMisses(db, 'streams');
    this.#insert = db.prepare(`INSERT INTO streams (${columns}, name) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#update = db.prepare(
      'UPDATE streams SET version = ?, first = ?, deleted = ?, written = ?, checksum = ? WHERE id = ?',
    );
  }

  /** Forgets everything and begins with what the tables say. */
  load(): void {
    this.#inTail.clear();
    this.#kept.clear();
    this.#nextId = (this.#lastId.get()![0] ?? 0) + 1;
    this.#existing = this.#meta.number('streams');
    this.#storedExisting = this.#existing;
  }

  /** @throws {PlexusError} store_damaged */
  find(name: string): Head | null {
    return this.#inTail.get(name) ?? this.#kept.get(name) ?? this.#fetch(name);
  }

  /** A new stream. It is in the tail with its first event. */
  create(name: string, timeUs: number): Head {
    const head = new Head(this.#nextId++, name, -1, 0, Deleted.No, timeUs, timeUs);
    this.#insert.write(head.id, -1, 0, Deleted.No, timeUs, timeUs, checksumOf(head), name);
    this.#existing++;
    this.#inTail.set(name, head);
    return head;
  }

  /** Notes one more event. @returns its version */
  advance(head: Head, timeUs: number): number {
    if (head.version === head.storedVersion) {
      this.#kept.delete(head.name);
      this.#inTail.set(head.name, head);
    }
    head.writtenUs = timeUs;
    return ++head.version;
  }

  /** Hides all events so far, or ends that for the ones to come. */
  setDeleted(head: Head, deleted: Deleted): void {
    this.#existing += Number(deleted === Deleted.No) - Number(head.exists);
    head.deleted = deleted;
    if (deleted !== Deleted.No) head.first = head.version + 1;
    this.#save(head);
  }

  /** Before a commit: writes how many streams exist. */
  saveCount(): void {
    if (this.#existing === this.#storedExisting) return;
    this.#meta.set('streams', this.#existing);
    this.#storedExisting = this.#existing;
  }

  /** Brings the rows up to date, when the tail has been indexed. */
  index(): void {
    for (const head of this.#inTail.values()) {
      head.storedVersion = head.version;
      head.storedWrittenUs = head.writtenUs;
      this.#save(head);
      this.#kept.set(head.name, head);
    }
    this.#inTail.clear();
    forgetOldest(this.#kept, MAX_KEPT);
  }

  #save(head: Head): void {
    const { id, storedVersion, first, deleted, storedWrittenUs } = head;
    const { changes } = this.#update.run(storedVersion, first, deleted, storedWrittenUs, checksumOf(head), id);
    if (changes !== 1) throw damaged(this.#file, `stream ${head.name} is lost`);
  }

  #fetch(name: string): Head | null {
    const row = this.#select.get(name);
    if (row === undefined) {
      this.#misses.check(name);
      return null;
    }
    const [id, version, first, deleted, created, written, checksum] = row;
    const head = new Head(id, name, version, first, deleted, created, written);
    if (checksumOf(head) !== checksum) throw damaged(this.#file, `the row of stream ${name} differs from its checksum`);
    this.#kept.set(name, head);
    forgetOldest(this.#kept, MAX_KEPT);
    return head;
  }
}

function checksumOf({ id, name, storedVersion, first, deleted, createdUs, storedWrittenUs }: Head): number {
  return rowChecksum('streams', id, name, storedVersion, first, deleted, createdUs, storedWrittenUs);
}
