import { PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import { isUuid, UUID_BYTES, writeUuid } from '../../lib/uuid.ts';
import type { Page, StoreInfo } from '../reads.ts';
import { framesOf } from './frames-page.ts';
import type { Meta } from './meta.ts';
import { firstAfter } from './read-events.ts';
import type { StoreTables } from './read-tables.ts';
import type { StoreView } from './read-view.ts';
import type { StoredRow } from './stored-row.ts';

type IdRow = readonly [id: Uint8Array, position: number];

/** Facts about single events, streams and the store. All methods throw `store_damaged`. */
export class Facts {
  readonly #file: string;
  readonly #meta: Meta;
  readonly #tables: StoreTables;
  readonly #byId: Statement<IdRow>;
  readonly #beforeId: Statement<IdRow>;
  readonly #afterId: Statement<IdRow>;
  readonly #pages: Statement<readonly [number]>;
  readonly #walBytes: () => number;

  constructor(db: Database, meta: Meta, tables: StoreTables) {
    this.#file = db.file;
    this.#meta = meta;
    this.#tables = tables;
    this.#byId = db.prepareRows('SELECT id, position FROM id_index WHERE id = ?');
    this.#beforeId = db.prepareRows('SELECT id, position FROM id_index WHERE id < ? ORDER BY id DESC LIMIT 1');
    this.#afterId = db.prepareRows('SELECT id, position FROM id_index WHERE id > ? ORDER BY id LIMIT 1');
    this.#pages = db.prepareRows('SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()');
    this.#walBytes = () => db.walBytes;
  }

  /** @returns null: no event has this id. A text that is no UUID is the id of none. */
  findById(view: StoreView, id: string): StoredRow | null {
    if (!isUuid(id)) return null;
    const bytes = Buffer.allocUnsafe(UUID_BYTES);
    writeUuid(bytes, 0, id);
    const entry = this.#byId.get(bytes);
    if (entry !== undefined) return this.#ofEntry(entry);
    const { tail, rows, believe } = this.#tables;
    const inTail = tail.positionOfId(view, bytes);
    if (inTail !== null) return rows.one(inTail);
    // A key on the way that has changed leads astray, and lies next to where it led.
    for (const neighbour of [this.#beforeId.get(bytes), this.#afterId.get(bytes)]) {
      if (neighbour !== undefined) this.#ofEntry(neighbour);
    }
    believe();
    return null;
  }

  /** @throws {PlexusError} event_not_found */
  eventById(view: StoreView, id: string): Page {
    const row = this.findById(view, id);
    if (row === null) throw new PlexusError('event_not_found', { id });
    return { bytes: framesOf([row]), count: 1, next: null, lastPosition: view.lastPosition };
  }

  /** @throws {PlexusError} stream_not_found */
  versionAt(view: StoreView, stream: string, timeUs: number): { version: number } {
    const { streams, sources, rows } = this.#tables;
    const head = streams.find(view, stream);
    const after = firstAfter(rows, view, timeUs);
    return { version: sources.versionIn(head, after) - 1 };
  }

  storeInfo(view: StoreView): StoreInfo {
    const id = this.#meta.id;
    if (id === null) throw damaged(this.#file, 'it has no id');
    return {
      id,
      events: view.lastPosition + 1,
      streams: this.#meta.number('streams'),
      bytes: this.#pages.get()![0] + this.#walBytes(),
      lastPosition: view.lastPosition,
    };
  }

  #ofEntry([id, position]: IdRow): StoredRow {
    if (!Number.isSafeInteger(position)) throw damaged(this.#file, 'an entry of the index of ids is no position');
    const row = this.#tables.rows.one(position);
    if (row.hasId(id)) return row;
    throw damaged(this.#file, 'an entry of the index of ids leads to another event', position);
  }
}
