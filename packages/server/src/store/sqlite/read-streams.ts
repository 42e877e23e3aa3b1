import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { NameListing } from '../operations.ts';
import type { NamePage, StreamInfo } from '../reads.ts';
import { rowChecksum } from './checksum.ts';
import { Deleted } from './heads.ts';
import { type BelieveAbsence, isAtOrAfter } from './read-names.ts';
import type { TailRows } from './read-tail.ts';
import type { StoreView } from './read-view.ts';
import type { StoredRow } from './stored-row.ts';

/** A stream, with what the tail has of it. */
export interface StreamHead {
  readonly id: number;
  readonly name: string;
  /** Last version; -1 only while it is nothing but a row. */
  readonly version: number;
  /** Last version that the index of streams knows; -1: none. */
  readonly indexedVersion: number;
  /** Positions of the events of the tail, from version `indexedVersion + 1` on. */
  readonly tail: readonly number[];
  /** First version that a read of the stream gives. */
  readonly first: number;
  readonly deleted: number;
  readonly createdUs: number;
  readonly writtenUs: number;
}

type Row = readonly [
  id: number,
  name: string,
  version: number,
  first: number,
  deleted: number,
  created: number,
  written: number,
  checksum: number,
];

const COLUMNS = 'id, name, version, first, deleted, created, written, checksum';

/** Streams by name. All methods throw `store_damaged`. */
export class Streams {
  readonly #file: string;
  readonly #tail: TailRows;
  readonly #believe: BelieveAbsence;
  readonly #find: Statement<Row>;
  readonly #before: Statement<Row>;
  readonly #after: Statement<Row>;
  readonly #from: Statement<Row>;

  constructor(db: Database, tail: TailRows, believe: BelieveAbsence) {
    this.#file = db.file;
    this.#tail = tail;
    this.#believe = believe;
    this.#find = db.prepareRows(`SELECT ${COLUMNS} FROM streams WHERE name = ?`);
    this.#before = db.prepareRows(`SELECT ${COLUMNS} FROM streams WHERE name < ? ORDER BY name DESC LIMIT 1`);
    this.#after = db.prepareRows(`SELECT ${COLUMNS} FROM streams WHERE name > ? ORDER BY name LIMIT ?`);
    this.#from = db.prepareRows(`SELECT ${COLUMNS} FROM streams WHERE name >= ? ORDER BY name LIMIT ?`);
  }

  /** @throws {PlexusError} stream_not_found */
  find(view: StoreView, name: string): StreamHead {
    const row = this.#find.get(name);
    if (row !== undefined) {
      this.#verify(row);
      if (row[1] !== name) throw damaged(this.#file, 'an entry of the index of streams leads to another name');
      return this.#withTail(row, this.#tail.ofStream(view, row[0]));
    }
    for (const neighbour of [this.#before.get(name), this.#after.get(name, 1)]) {
      if (neighbour !== undefined) this.#verify(neighbour);
    }
    this.#believe();
    throw new PlexusError('stream_not_found', { stream: name });
  }

  /** A stream that a read may look into. @throws {PlexusError} stream_not_found, stream_deleted, stream_tombstoned */
  readable(view: StoreView, name: string): StreamHead {
    const head = this.find(view, name);
    if (head.deleted === Deleted.Tombstone) throw new PlexusError('stream_tombstoned', { stream: name });
    if (head.deleted === Deleted.Soft) throw new PlexusError('stream_deleted', { stream: name });
    return head;
  }

  info(view: StoreView, name: string): StreamInfo {
    return infoOf(this.find(view, name));
  }

  list(view: StoreView, { prefix, after, limit }: NameListing): NamePage<StreamInfo> {
    this.#believe();
    const isAfter = after !== null && isAtOrAfter(after, prefix);
    const found = isAfter ? this.#after.all(after, limit + 1) : this.#from.all(prefix, limit + 1);
    for (const row of found) this.#verify(row);
    const rows = found.filter((row) => row[1].startsWith(prefix));
    const tails = Map.groupBy(view.hasTail ? this.#tail.all(view) : [], ({ stream }) => stream);
    const items = rows.slice(0, limit).map((row) => infoOf(this.#withTail(row, tails.get(row[0]) ?? [])));
    return { items, next: rows.length > limit ? (items.at(-1)?.stream ?? null) : null };
  }

  /** @returns those whose names begin with `prefix`, or null if there are more than `most` */
  withPrefix(prefix: string, most: number): Pick<StreamHead, 'id' | 'name' | 'indexedVersion'>[] | null {
    this.#believe();
    const rows = this.#from.all(prefix, most + 1);
    for (const row of rows) this.#verify(row);
    const found = rows.filter((row) => row[1].startsWith(prefix));
    return found.length > most ? null : found.map(([id, name, indexedVersion]) => ({ id, name, indexedVersion }));
  }

  #withTail(row: Row, tail: readonly StoredRow[]): StreamHead {
    const [, name, version, , , , writtenUs] = row;
    const last = tail.at(-1);
    if (last === undefined) return headOf(row, version, version, writtenUs, []);
    const gap = tail.find((one, i) => one.version !== version + 1 + i);
    if (gap !== undefined) {
      throw damaged(this.#file, `versions of stream ${name} do not follow each other`, gap.position);
    }
    const positions = tail.map(({ position }) => position);
    return headOf(row, last.version, version, last.timeUs, positions);
  }

  #verify([id, name, version, first, deleted, created, written, checksum]: Row): void {
    if (rowChecksum('streams', id, name, version, first, deleted, created, written) === checksum) return;
    throw damaged(this.#file, 'a row of streams differs from its checksum');
  }
}

function headOf(
  row: Row,
  version: number,
  indexedVersion: number,
  writtenUs: number,
  tail: readonly number[],
): StreamHead {
  const [id, name, , first, deleted, createdUs] = row;
  return { id, name, version, indexedVersion, tail, first, deleted, createdUs, writtenUs };
}

function infoOf({ name, version, first, deleted, createdUs, writtenUs }: StreamHead): StreamInfo {
  const exists = deleted === Deleted.No;
  return {
    stream: name,
    version,
    exists,
    tombstoned: deleted === Deleted.Tombstone,
    count: exists ? version - first + 1 : 0,
    createdUs,
    lastWrittenUs: writtenUs,
  };
}
