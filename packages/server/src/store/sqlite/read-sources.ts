import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { entrySum } from './entry-sum.ts';
import type { Entry, EntrySource } from './read-lists.ts';
import type { StreamHead } from './read-streams.ts';

type Numbered = 'type' | 'tag';
type Texts = 'correlation' | 'causation';
/** Nothing is decided by whether there are more. */
const MOST_COUNTED = 4096;
const NONE_BEFORE = -1;

/** Makes the sources of entries: one for each row of each index. */
export class EntrySources {
  readonly #up: Record<Numbered, Statement<Entry>>;
  readonly #down: Record<Numbered, Statement<Entry>>;
  readonly #textUp: Record<Texts, Statement<Entry>>;
  readonly #textDown: Record<Texts, Statement<Entry>>;
  readonly #textCount: Record<Texts, Statement<readonly [number]>>;
  readonly #streamUp: Statement<Entry>;
  readonly #streamDown: Statement<Entry>;
  readonly #streamAt: Statement<readonly [position: number, sum: number]>;
  readonly #file: string;

  constructor(db: Database) {
    this.#file = db.file;
    const up = (table: string, column: string, n: string): Statement<Entry> =>
      db.prepareRows(`SELECT position, ${n} FROM ${table} WHERE ${column} = ?1 AND position >= ifnull(
        (SELECT position FROM ${table} WHERE ${column} = ?1 AND position < ?2 ORDER BY position DESC LIMIT 1),
        ${NONE_BEFORE}) ORDER BY position LIMIT ?3`);
    const down = (table: string, column: string, n: string): Statement<Entry> =>
      db.prepareRows(`SELECT position, ${n} FROM ${table} WHERE ${column} = ?1 AND position <= ifnull(
        (SELECT position FROM ${table} WHERE ${column} = ?1 AND position > ?2 ORDER BY position LIMIT 1),
        ${Number.MAX_SAFE_INTEGER}) ORDER BY position DESC LIMIT ?3`);
    const count = (table: string, column: string): Statement<readonly [number]> =>
      db.prepareRows(`SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${column} = ? LIMIT ${MOST_COUNTED})`);
    this.#up = { type: up('type_index', 'type', 'n, sum'), tag: up('tag_index', 'tag', 'n, sum') };
    this.#down = { type: down('type_index', 'type', 'n, sum'), tag: down('tag_index', 'tag', 'n, sum') };
    this.#textUp = {
      correlation: up('correlation_index', 'correlation', '0, NULL'),
      causation: up('causation_index', 'causation', '0, NULL'),
    };
    this.#textDown = {
      correlation: down('correlation_index', 'correlation', '0, NULL'),
      causation: down('causation_index', 'causation', '0, NULL'),
    };
    this.#textCount = {
      correlation: count('correlation_index', 'correlation'),
      causation: count('causation_index', 'causation'),
    };
    this.#streamUp = db.prepareRows(
      'SELECT position, version, sum FROM stream_index WHERE stream = ? AND version >= ? ORDER BY version LIMIT ?',
    );
    this.#streamDown = db.prepareRows(
      'SELECT position, version, sum FROM stream_index WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT ?',
    );
    this.#streamAt = db.prepareRows('SELECT position, sum FROM stream_index WHERE stream = ? AND version = ?');
  }

  /** @param count entries that there are: of the row of the type or tag */
  numbered(index: Numbered, id: number, count: number): EntrySource {
    return {
      what: `${index}s`,
      count,
      estimate: count,
      sumOf: (position, n) => entrySum(id, position, n),
      holds: (row) => (index === 'type' ? row.type === id : row.tagIds.includes(id)),
      fetch: (position, isForwards, limit) => (isForwards ? this.#up : this.#down)[index].all(id, position, limit),
    };
  }

  text(index: Texts, text: string): EntrySource {
    return {
      what: `${index}s`,
      count: null,
      estimate: this.#textCount[index].get(text)![0],
      sumOf: () => 0,
      holds: (row) => row[index] === text,
      fetch: (position, isForwards, limit) =>
        (isForwards ? this.#textUp : this.#textDown)[index].all(text, position, limit),
    };
  }

  /** @param lastVersion that the index of streams knows */
  stream(id: number, lastVersion: number): EntrySource {
    return {
      what: 'streams',
      count: lastVersion + 1,
      estimate: lastVersion + 1,
      sumOf: (position, n) => entrySum(id, position, n),
      holds: (row) => row.stream === id,
      fetch: (position, isForwards, limit) => {
        const version = this.versionAtOrAfter(id, lastVersion, position);
        if (isForwards) return this.#streamUp.all(id, Math.max(version - 1, 0), limit);
        const isAt = version <= lastVersion && this.positionOf(id, version) === position;
        return this.#streamDown.all(id, Math.min(isAt ? version + 1 : version, lastVersion), limit);
      },
    };
  }

  /** Position of a version that is indexed. @throws {PlexusError} store_damaged */
  positionOf(stream: number, version: number): number {
    const entry = this.#streamAt.get(stream, version);
    if (entry === undefined) throw damaged(this.#file, `an entry of the index of streams is lost: version ${version}`);
    const [position, sum] = entry;
    if (sum === entrySum(stream, position, version)) return position;
    throw damaged(this.#file, `an entry of the index of streams differs from its sum: version ${version}`);
  }

  /** @returns the first version from 0 to `lastVersion` at or after a position; `lastVersion` + 1: none */
  versionAtOrAfter(stream: number, lastVersion: number, position: number): number {
    let low = 0;
    let high = lastVersion + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.positionOf(stream, middle) >= position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** @returns the first version of a stream, tail and all, at or after a position; its last + 1: none */
  versionIn({ id, indexedVersion, version, tail }: StreamHead, position: number): number {
    if (position <= 0) return 0;
    const [first, last] = [tail[0], tail.at(-1)];
    if (first === undefined || last === undefined || position <= first) {
      return this.versionAtOrAfter(id, indexedVersion, position);
    }
    return position > last ? version + 1 : indexedVersion + 1 + tail.findIndex((each) => each >= position);
  }

  /** Position of any version of a stream. @throws {PlexusError} store_damaged */
  positionIn({ id, indexedVersion, tail }: StreamHead, version: number): number {
    return version > indexedVersion ? tail[version - indexedVersion - 1]! : this.positionOf(id, version);
  }
}
