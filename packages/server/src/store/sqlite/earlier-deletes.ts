import { type ErrorCode, type ErrorDetails, PlexusError } from '@plexus/protocol';
import { type Database, damaged, type Statement } from '../../lib/sqlite/database.ts';
import type { DeleteStreamResult } from '../append.ts';
import { rowChecksum } from './checksum.ts';

/** How many requests are remembered. */
const KEPT = 1000;

/** Refusals that a later append could turn into a delete. Of others nothing is kept. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['stream_not_found', 'wrong_expected_version', 'stream_tombstoned']);

type Row = readonly [n: number, outcome: string, checksum: number];
type Outcome = { readonly result: DeleteStreamResult } | { readonly code: ErrorCode; readonly details: ErrorDetails };

/**
 * The last requests to delete a stream, with what became of them. A request that comes again, because its writer died before it
 * could answer, must not take away what was appended since.
 */
export class EarlierDeletes {
  readonly #file: string;
  readonly #select: Statement<Row>;
  readonly #last: Statement<readonly [number | null]>;
  readonly #insert: Statement;
  readonly #forget: Statement;

  constructor(db: Database) {
    this.#file = db.file;
    this.#select = db.prepareRows('SELECT n, outcome, checksum FROM deletes WHERE request = ?');
    this.#last = db.prepareRows('SELECT max(n) FROM deletes');
    this.#insert = db.prepare('INSERT INTO deletes (n, request, outcome, checksum) VALUES (?, ?, ?, ?)');
    this.#forget = db.prepare('DELETE FROM deletes WHERE n <= ?');
  }

  /**
   * @returns null: it is not known
   * @throws {PlexusError} what it was refused with; store_damaged
   */
  resultOf(request: string): DeleteStreamResult | null {
    const row = this.#select.get(request);
    if (row === undefined) return null;
    const [n, outcome, checksum] = row;
    if (rowChecksum('deletes', n, request, outcome) !== checksum) {
      throw damaged(this.#file, `the row of delete ${request} differs from its checksum`);
    }
    const known = JSON.parse(outcome) as Outcome;
    if ('result' in known) return known.result;
    throw new PlexusError(known.code, known.details);
  }

  noteResult(request: string, result: DeleteStreamResult): void {
    this.#note(request, { result });
  }

  noteRefusal(request: string, { code, details }: PlexusError): void {
    if (FINAL.has(code)) this.#note(request, { code, details });
  }

  #note(request: string, outcome: Outcome): void {
    const n = (this.#last.get()![0] ?? 0) + 1;
    const text = JSON.stringify(outcome);
    this.#insert.run(n, request, text, rowChecksum('deletes', n, request, text));
    this.#forget.run(n - KEPT);
  }
}
