import { basename } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import { Database, damaged } from '../../lib/sqlite/database.ts';
import type { ReadName, ReadOperations } from '../operations.ts';
import { Causation } from './causation.ts';
import { Facts } from './facts.ts';
import { Meta } from './meta.ts';
import { EventReader } from './read-events.ts';
import { Records } from './read-records.ts';
import { StoreTables } from './read-tables.ts';
import { type StoreView, Views } from './read-view.ts';
import { APPLICATION_ID, SCHEMA } from './schema.ts';
import { SmallStoreCheck } from './small-store-check.ts';
import { Verifier } from './verify.ts';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

export interface StoreReaderOptions {
  readonly file: string;
  /** Name of the store, for errors. Default: the name of the file. */
  readonly store?: string;
  /** Of the page cache; default 64 MiB. */
  readonly cacheBytes?: number;
  /** Files up to this size are verified as a whole before something is said not to be there. Default 8 MiB. */
  readonly smallBytes?: number;
  /** What one page of events may cost, in units of a `Budget`. Default 64,000: about 10 ms. */
  readonly pageUnits?: number;
}

type Handlers = {
  readonly [K in ReadName]: (view: StoreView, request: ReadOperations[K]['request']) => ReadOperations[K]['result'];
};

/**
 * Reads a store's file, beside its writer. Synchronous: it belongs in a worker thread. Each call sees everything that was
 * committed before it, as of one moment, and looks at so much only: pages may be short.
 */
export class StoreReader {
  readonly #db: Database;
  readonly #views: Views;
  readonly #handlers: Handlers;
  /** Of the reads that go on. */
  #view: StoreView | null = null;

  private constructor(db: Database, { store = basename(db.file), smallBytes, pageUnits }: StoreReaderOptions) {
    this.#db = db;
    const meta = new Meta(db);
    this.#views = new Views(db, meta);
    const verifier = new Verifier(db, meta);
    const small = new SmallStoreCheck(db, verifier, smallBytes);
    const believe = (): void => small.run(this.#views.now());
    const tables = new StoreTables(db, believe);
    const events = new EventReader(db, tables, pageUnits);
    const facts = new Facts(db, meta, tables);
    const records = new Records(db, store, tables.streams, believe);
    const causation = new Causation(db.file, tables, facts);
    this.#handlers = {
      readEvents: (view, request) => events.read(view, request),
      eventById: (view, { id }) => facts.eventById(view, id),
      streamInfo: (view, { stream }) => tables.streams.info(view, stream),
      listStreams: (view, listing) => tables.streams.list(view, listing),
      versionAt: (view, { stream, timeUs }) => facts.versionAt(view, stream, timeUs),
      storeInfo: (view) => facts.storeInfo(view),
      listTypes: (view, listing) => tables.types.list(view, listing),
      listTags: (view, listing) => tables.tags.list(view, listing),
      causation: (view, request) => causation.find(view, request),
      loadSnapshot: (view, { stream, version }) => records.loadSnapshot(view, stream, version),
      listSnapshots: (view, { stream, before, limit }) => records.listSnapshots(view, stream, before, limit),
      listSubscriptions: () => records.listSubscriptions(),
      listParked: (_, { name, after, limit }) => records.listParked(name, after, limit),
      verify: (view, { from }) => verifier.slice(view, from),
    };
  }

  /**
   * Opens a file that its writer has open.
   * @throws {PlexusError} store_damaged, store_newer, store_unavailable
   */
  static open(options: StoreReaderOptions): StoreReader {
    const { file, cacheBytes = DEFAULT_CACHE_BYTES } = options;
    const db = Database.open({ file, readOnly: true, migrations: SCHEMA, cacheBytes, applicationId: APPLICATION_ID });
    try {
      return new StoreReader(db, options);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** @throws {PlexusError} what the operation says; store_damaged; store_unavailable */
  read<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): ReadOperations[K]['result'] {
    try {
      return this.readOn(operation, request);
    } finally {
      this.release();
    }
  }

  /**
   * As `read`, and as of the same moment as all others until `release`. That must not be long: as long as someone reads as of
   * some moment, the write-ahead log grows.
   */
  readOn<K extends ReadName>(operation: K, request: ReadOperations[K]['request']): ReadOperations[K]['result'] {
    try {
      if (this.#view === null) {
        this.#db.begin();
        this.#view = this.#views.now();
      }
      return this.#handlers[operation](this.#view, request);
    } catch (error) {
      this.#view = null;
      this.#db.rollback();
      throw this.#faultOf(error);
    }
  }

  /** Lets go of the moment. Idempotent. */
  release(): void {
    if (this.#view === null) return;
    this.#view = null;
    this.#db.commit();
  }

  /** Idempotent. */
  close(): void {
    this.#db.close();
  }

  /** A value of a type that no statement of ours writes makes SQLite refuse the statement. */
  #faultOf(error: unknown): unknown {
    if (error instanceof PlexusError || !(error instanceof Error)) return error;
    const isSqlite = 'code' in error && error.code === 'ERR_SQLITE_ERROR';
    return isSqlite ? damaged(this.#db.file, error.message) : error;
  }
}
