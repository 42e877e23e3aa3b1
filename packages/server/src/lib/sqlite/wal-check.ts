import { damaged } from './faults.ts';
import { type Sums, sameSums, WalFile, type WalFrame } from './wal-file.ts';

/** What SQLite will take from a log. */
export interface WalContent {
  /** Pages that its commits hold. */
  readonly pages: ReadonlySet<number>;
  /** Pages of the database after the last commit; 0: there is none. */
  readonly databasePages: number;
}

const NOTHING: WalContent = { pages: new Set(), databasePages: 0 };

/**
 * Reads the write-ahead log of a database that nobody has open.
 *
 * SQLite takes a log up to the first frame that does not verify, and drops the rest in silence: right for the torn end that
 * a crash leaves, wrong where a bit has changed in the middle. The two are told apart by what follows. Every commit is on
 * the disk before the next one begins, so a frame that verifies *after a later commit* means that the bad one was once whole.
 * A bad frame of the last commit cannot be told from a torn one here; `CommitMark` sees that.
 *
 * @param file of the database
 * @throws {PlexusError} store_damaged, naming the log
 */
export function readWal(file: string, pageBytes: number): WalContent {
  const path = `${file}-wal`;
  using wal = WalFile.open(path, pageBytes);
  if (wal === null) return NOTHING;
  const reading = new Reading(wal, path);
  for (const frame of wal.frames()) reading.take(frame);
  return { pages: reading.pages, databasePages: reading.databasePages };
}

class Reading {
  readonly pages = new Set<number>();
  databasePages = 0;
  readonly #wal: WalFile;
  readonly #path: string;
  /** Pages since the last commit. */
  #open: number[] = [];
  /** Sums after the frame before: as stored in it, and as its bytes come to. */
  #stored: Sums;
  #computed: Sums;
  /** Index of the first thing that does not verify: -1 the header; null: none so far. */
  #bad: number | null = null;
  /** Whether a commit has ended since then. */
  #committed = false;

  constructor(wal: WalFile, path: string) {
    this.#wal = wal;
    this.#path = path;
    this.#stored = wal.header.stored;
    this.#computed = wal.header.computed;
    if (!wal.header.isValid) this.#bad = -1;
  }

  take(frame: WalFrame): void {
    const { header } = this.#wal;
    const computed = frame.sumsFrom(this.#stored);
    // The sums cover neither the salts nor themselves: a change there leaves the next frame as it was.
    const follows = sameSums(computed, frame.stored);
    const followsComputed = follows || sameSums(frame.sumsFrom(this.#computed), frame.stored);
    const hasSalts = frame.salt1 === header.salt1 && frame.salt2 === header.salt2;
    const isCommit = frame.commitPages > 0;
    if (this.#bad === null && follows && hasSalts) {
      this.#open.push(frame.page);
      if (isCommit) this.#commit(frame.commitPages);
    } else if (this.#bad === null) {
      this.#bad = frame.index;
      // The commit that it ended, if it did: a torn frame has the salts of an earlier round, or none.
      this.#committed = isCommit && (hasSalts || follows);
    } else if (followsComputed && (hasSalts || this.#bad === -1)) {
      if (this.#committed || (this.#bad === -1 && isCommit)) throw damaged(this.#path, this.#problem());
      this.#committed = isCommit;
    }
    this.#stored = frame.stored;
    this.#computed = computed;
  }

  #commit(databasePages: number): void {
    for (const page of this.#open) this.pages.add(page);
    this.#open = [];
    this.databasePages = databasePages;
  }

  #problem(): string {
    const where = this.#bad === -1 ? 'the header' : `frame ${this.#bad}`;
    return `${where} of the write-ahead log has changed; commits after it would be lost`;
  }
}
