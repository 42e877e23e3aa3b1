import { basename } from 'node:path';
import { type ErrorCode, type ErrorDetails, PlexusError } from '@plexus/protocol';
import { CommitMark } from '../../lib/sqlite/commit-mark.ts';
import { Database, damaged, type LogPages, type Statement } from '../../lib/sqlite/database.ts';
import { LogRoom } from '../../lib/sqlite/log-room.ts';
import { UuidV7 } from '../../lib/uuid.ts';
import type { AppendResult } from '../append.ts';
import type { WriteName, WriteOperations } from '../operations.ts';
import { AppendScan } from './append-scan.ts';
import { Appends } from './appends.ts';
import { Conditions } from './conditions.ts';
import { EarlierAppends } from './earlier-appends.ts';
import { Heads } from './heads.ts';
import { Indexing } from './indexing.ts';
import { TailLoader } from './load-tail.ts';
import { Meta } from './meta.ts';
import { NameTable } from './name-table.ts';
import type { Moment, Operation } from './operation.ts';
import { APPLICATION_ID, SCHEMA } from './schema.ts';
import { snapshotWrites } from './snapshot-writes.ts';
import { deleteStream } from './stream-deletes.ts';
import { SubscriptionWrites } from './subscription-writes.ts';
import { Tail } from './tail.ts';

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
/** When so much of the write-ahead log is not in the file, it is time for whoever moves it there (`lib/sqlite/move-log.ts`). */
export const LOG_PAGES_TO_MOVE = 2000;
/** When the log is so long and no more than that is left, the writer moves the rest: then the log begins anew. */
const LONG_LOG_PAGES = 8000;
/** Where readers keep it from beginning anew, that is tried again after so many. */
const PAGES_UNTIL_AGAIN = 500;
/** When it is so long, the writer moves all of it: each page once, however often it was written. Nobody else did. */
const WAL_PAGES = 16_000;
/**
 * While little is written at a time, the log is moved after so many commits already: some hundred pages hold nobody up for
 * long, and the log stays short.
 */
const COMMITS_PER_CHECKPOINT = 500;
const SMALL_COMMIT_ITEMS = 16;
/** How long nothing must be asked for until the indexes are brought up to date all the same. */
const IDLE_MS = 20;
/** How long until that is tried again, after it failed. */
const INDEX_RETRY_MS = 1000;

/** One thing to be written. */
export type WriteItem =
  /** An append that `writeAppend` has put at `start` of `buffer`. */
  | { readonly kind: 'append'; readonly buffer: Buffer; readonly start: number }
  | { [K in WriteName]: { readonly kind: K; readonly request: WriteOperations[K]['request'] } }[WriteName];

/** What became of it. `result` is that of the operation, or an `AppendResult`. */
export type WriteOutcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: { readonly code: ErrorCode; readonly details: ErrorDetails } };

export interface StoreWriterOptions {
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Name of the store, for errors. Default: the name of the file. */
  readonly store?: string;
  /** Of the page cache; default 64 MiB. */
  readonly cacheBytes?: number;
  /** Entries of indexes that are looked at for one append condition in one commit. Default 5,000. */
  readonly conditionEntries?: number;
}

/**
 * The one that writes a store's file. It does no more than it is told and starts nothing by itself: it belongs in a worker
 * thread, which calls `commit` with everything that waits, and `tend` when nothing does.
 */
export class StoreWriter {
  readonly #db: Database;
  readonly #mark: CommitMark;
  readonly #room: LogRoom;
  readonly #wallMs: () => number;
  readonly #meta: Meta;
  readonly #heads: Heads;
  readonly #types: NameTable;
  readonly #tags: NameTable;
  readonly #tail = new Tail();
  readonly #earlier: EarlierAppends;
  readonly #conditions: Conditions;
  readonly #appends: Appends;
  readonly #indexing: Indexing;
  readonly #loader: TailLoader;
  readonly #operations: { readonly [K in WriteName]: Operation<K> };
  readonly #scan = new AppendScan();
  readonly #totalChanges: Statement<readonly [number]>;
  #lastTimeUs = 0;
  /** Whether something was committed since `tend` was called. */
  #isBusy = false;
  /** Small ones, since the log was moved or a large one came. */
  #commits = 0;
  /** Pages in the log when the writer last moved what was left of it; 0: it has begun anew since. */
  #movedAt = 0;
  #unmovedPages = 0;
  /** `changes` in `meta`, with those of the commit that is being made. */
  #changes = 0;
  #isClosed = false;
  /** Whether memory may not agree with the file: nothing is written from it until it has been loaded. */
  #isBroken = false;

  private constructor(db: Database, mark: CommitMark, options: StoreWriterOptions) {
    const { file, wallMs, store = basename(file), conditionEntries } = options;
    this.#db = db;
    this.#mark = mark;
    this.#room = new LogRoom(file);
    this.#wallMs = wallMs;
    this.#meta = new Meta(db);
    this.#heads = new Heads(db, this.#meta);
    this.#types = new NameTable(db, 'types');
    this.#tags = new NameTable(db, 'tags');
    this.#earlier = new EarlierAppends(db, this.#tail);
    this.#conditions = new Conditions(db, this.#types, this.#tags, this.#tail, {
      store,
      ...(conditionEntries !== undefined && { mostEntries: conditionEntries }),
    });
    const parts = {
      ...{ meta: this.#meta, heads: this.#heads, types: this.#types, tags: this.#tags, tail: this.#tail },
      ...{ earlier: this.#earlier, conditions: this.#conditions },
    };
    this.#appends = new Appends(db, parts);
    this.#indexing = new Indexing(db, parts);
    this.#loader = new TailLoader(db, parts);
    this.#totalChanges = db.prepareRows('SELECT total_changes()');
    const subscriptions = new SubscriptionWrites(db, store);
    this.#operations = {
      deleteStream: deleteStream(db, this.#heads),
      ...snapshotWrites(db, this.#heads),
      createSubscription: subscriptions.create,
      deleteSubscription: subscriptions.delete,
      resetSubscription: subscriptions.reset,
      saveProgress: subscriptions.saveProgress,
    };
  }

  /**
   * Opens the file, or makes it, and brings its indexes up to date.
   * @throws {PlexusError} store_damaged (also if acknowledged events are missing), store_newer, store_full, store_unavailable
   */
  static open(options: StoreWriterOptions): StoreWriter {
    const { file, cacheBytes = DEFAULT_CACHE_BYTES } = options;
    const db = Database.open({ file, migrations: SCHEMA, cacheBytes, applicationId: APPLICATION_ID });
    let mark: CommitMark | null = null;
    try {
      db.exec(`PRAGMA wal_autocheckpoint = ${WAL_PAGES}`);
      mark = CommitMark.open(file);
      const writer = new StoreWriter(db, mark, options);
      writer.#begin();
      return writer;
    } catch (error) {
      mark?.close();
      db.close();
      throw error;
    }
  }

  /** Of the last event that was committed; -1: none. */
  get lastPosition(): number {
    return this.#tail.end - 1;
  }

  /**
   * Writes everything in one transaction; when it returns, what was taken is on the disk. An item that is refused leaves no
   * trace. If writing fails, as when the disk is full, nothing of any item is stored and all of them say so; the next
   * commit may succeed. If then not even what there was can be read, all commits are refused until it can.
   * @returns by item, in order
   */
  commit(items: readonly WriteItem[]): readonly WriteOutcome[] {
    this.#isBusy = true;
    this.#tail.pace(items.length);
    this.#commits = items.length <= SMALL_COMMIT_ITEMS ? this.#commits + 1 : 0;
    try {
      this.#mend();
      const { lastPosition } = this;
      const changes = this.#changes;
      const outcomes = this.#transaction(() => this.#write(items));
      if (this.lastPosition !== lastPosition || this.#changes !== changes) {
        this.#mark.write(this.lastPosition, this.#changes);
      }
      return outcomes;
    } catch (error) {
      if (!(error instanceof PlexusError)) throw error;
      return items.map(() => failure(error));
    }
  }

  /** Pages of the write-ahead log that were not in the file when `tend` was called. */
  get unmovedPages(): number {
    return this.#unmovedPages;
  }

  /**
   * To be called when nothing waits: does what can wait.
   * @returns in how many milliseconds to call it again if nothing was asked for; null: no need
   * @throws {PlexusError} store_damaged, store_full, store_unavailable
   */
  tend(): number | null {
    this.#mend();
    const { length, isDue } = this.#tail;
    const isBusy = this.#isBusy;
    this.#isBusy = false;
    const { log } = this.#db;
    this.#unmovedPages = log.unmoved;
    this.#room.tend(log.pages);
    if (this.#isLogToBeMoved(log)) this.#moveLog(log);
    if (length === 0) return null;
    if (isBusy && !isDue) return IDLE_MS;
    return this.#tryIndexing() ? null : INDEX_RETRY_MS;
  }

  /** Brings the indexes up to date and moves the write-ahead log into the file. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      if (this.#tail.length > 0 && !this.#isBroken) this.#tryIndexing();
      this.#db.checkpoint('truncate');
    } catch (error) {
      // What was committed is safe in the log, from where the next start goes on.
      if (!(error instanceof PlexusError)) throw error;
    } finally {
      this.#mark.close();
      this.#db.close();
    }
  }

  #begin(): void {
    const { position } = this.#loader.end();
    if (this.#meta.id === null) {
      if (position !== -1) throw damaged(this.#db.file, 'its facts are lost');
      this.#db.transaction(() => this.#initialize());
    }
    this.#load();
    this.#mark.check(this.lastPosition, this.#changes);
    if (this.#tail.length > 0) this.#tryIndexing();
  }

  #initialize(): void {
    this.#meta.set('id', new UuidV7(this.#wallMs).next());
    this.#meta.set('indexed', -1);
    this.#meta.set('streams', 0);
    this.#meta.set('newestIdMs', -1);
  }

  /** Makes memory agree with the file. */
  #load(): void {
    const end = this.#loader.end();
    const indexed = this.#meta.number('indexed');
    if (indexed > end.position) throw damaged(this.#db.file, 'events are lost at the end', end.position + 1);
    this.#earlier.newestIndexedMs = this.#meta.number('newestIdMs');
    this.#lastTimeUs = end.timeUs;
    this.#changes = this.#meta.changes;
    this.#conditions.forget();
    this.#heads.load();
    this.#types.load();
    this.#tags.load();
    this.#loader.load(indexed);
  }

  /** Everything, or nothing: in memory too. */
  #transaction<T>(fn: () => T): T {
    try {
      return this.#db.transaction(fn);
    } catch (error) {
      this.#loadAgain();
      throw error;
    }
  }

  #loadAgain(): void {
    this.#isBroken = true;
    try {
      this.#mend();
    } catch (error) {
      // What failed first is the answer; whoever comes next tries again.
      if (!(error instanceof PlexusError)) throw error;
    }
  }

  /** @throws {PlexusError} store_damaged, store_full, store_unavailable if memory is wrong and cannot be loaded */
  #mend(): void {
    if (!this.#isBroken) return;
    this.#load();
    this.#isBroken = false;
  }

  #write(items: readonly WriteItem[]): WriteOutcome[] {
    // One time per commit, and none before that of the last.
    const timeUs = Math.max(this.#lastTimeUs, Math.floor(this.#wallMs() * 1000));
    this.#lastTimeUs = timeUs;
    if (this.#tail.isDue) this.#indexing.run();
    this.#conditions.begin();
    const outcomes: WriteOutcome[] = new Array(items.length);
    let changedRows = 0;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      const rows = item.kind === 'append' ? null : this.#changedRows();
      outcomes[i] = this.#writeItem(item, timeUs);
      if (rows !== null) changedRows += this.#changedRows() - rows;
      if (this.#tail.isOverlong) this.#indexing.run();
    }
    this.#heads.saveCount();
    // The commit mark knows events by their positions, and the rest by this.
    if (changedRows > 0) this.#meta.set('changes', ++this.#changes);
    return outcomes;
  }

  /** By this connection, ever. */
  #changedRows(): number {
    return this.#totalChanges.get()![0];
  }

  #writeItem(item: WriteItem, timeUs: number): WriteOutcome {
    if (item.kind === 'append') return this.#append(item.buffer, item.start, timeUs);
    const moment: Moment = { timeUs, lastPosition: this.lastPosition };
    const operation = this.#operations[item.kind] as Operation<WriteName>;
    let write: () => unknown;
    try {
      write = operation(item.request, moment);
    } catch (error) {
      return this.#refusal(error);
    }
    return { ok: true, result: write() };
  }

  #append(buffer: Buffer, start: number, timeUs: number): WriteOutcome {
    const scan = this.#scan;
    let earlier: AppendResult | null;
    try {
      scan.read(buffer, start);
      earlier = this.#appends.check(scan);
    } catch (error) {
      return this.#refusal(error);
    }
    return { ok: true, result: earlier ?? this.#appends.write(scan, timeUs) };
  }

  /** What an item that was not written says. Faults of the program, or of the transaction, are not about one item. */
  #refusal(error: unknown): WriteOutcome {
    if (!(error instanceof PlexusError) || !this.#db.inTransaction) throw error;
    return failure(error);
  }

  #isLogToBeMoved({ pages, unmoved }: LogPages): boolean {
    if (this.#commits >= COMMITS_PER_CHECKPOINT) return true;
    if (pages < this.#movedAt) this.#movedAt = 0;
    return unmoved <= LOG_PAGES_TO_MOVE && pages >= Math.max(LONG_LOG_PAGES, this.#movedAt + PAGES_UNTIL_AGAIN);
  }

  #moveLog({ pages }: LogPages): void {
    this.#commits = 0;
    this.#movedAt = pages;
    try {
      this.#db.checkpoint('passive');
    } catch (error) {
      // A full disk: what is in the log is safe there.
      if (!(error instanceof PlexusError)) throw error;
    }
  }

  #tryIndexing(): boolean {
    try {
      this.#transaction(() => this.#indexing.run());
      return true;
    } catch (error) {
      // Events are safe without it, and readers look through the tail. A commit that cannot go on says why.
      if (error instanceof PlexusError && error.retryable) return false;
      throw error;
    }
  }
}

function failure({ code, details }: PlexusError): WriteOutcome {
  return { ok: false, error: { code, details } };
}
