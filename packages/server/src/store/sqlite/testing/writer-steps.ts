import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ByteSink } from '../../../lib/byte-sink.ts';
import { Database, type SqlInput } from '../../../lib/sqlite/database.ts';
import { UuidV7 } from '../../../lib/uuid.ts';
import type { AppendRequest, AppendResult, ExpectedVersion } from '../../append.ts';
import { writeAppend } from '../../append-codec.ts';
import type { NewEvent } from '../../event.ts';
import type { WriteName, WriteOperations } from '../../operations.ts';
import { decodePage } from '../../page.ts';
import type { RecordedEvent } from '../../recorded-event.ts';
import { APPLICATION_ID, SCHEMA } from '../schema.ts';
import { StoreWriter, type StoreWriterOptions, type WriteItem, type WriteOutcome } from '../writer.ts';

export const START_MS = 1_790_000_000_000;

/** A UUID v4 with a number in it. */
export const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** A UUID v7 of a time, with a number in it. */
export const uuid7 = (ms: number, n = 0): string => {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
};

/** A writer on a file of its own, that can be closed, opened again, and left as by a crash. */
export class TestWriter implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'plexus-writer-'));
  readonly file = join(this.directory, 'store.db');
  wallMs = START_MS;
  writer: StoreWriter;
  readonly #ids = new UuidV7(() => this.wallMs);
  readonly #options: Partial<StoreWriterOptions>;

  constructor(options: Partial<StoreWriterOptions> = {}) {
    this.#options = options;
    this.writer = this.open();
  }

  open(): StoreWriter {
    this.writer = StoreWriter.open({ file: this.file, wallMs: () => this.wallMs, ...this.#options });
    return this.writer;
  }

  reopen(): StoreWriter {
    this.writer.close();
    return this.open();
  }

  /** As many items as appends, in one buffer. */
  appends(...requests: AppendRequest[]): WriteItem[] {
    const sink = new ByteSink(64);
    const starts = requests.map((request) => {
      const start = sink.length;
      writeAppend(sink, request, this.#ids);
      return start;
    });
    const buffer = sink.take();
    return starts.map((start) => ({ kind: 'append', buffer, start }));
  }

  /** Commits each in one commit of all. */
  commit(...requests: AppendRequest[]): readonly WriteOutcome[] {
    return this.writer.commit(this.appends(...requests));
  }

  /** One append to one stream, in a commit of its own. */
  append(stream: string, events: readonly (NewEvent | string)[], expectedVersion?: ExpectedVersion): AppendResult {
    return resultOf(this.commit(write(stream, events, expectedVersion))[0]!) as AppendResult;
  }

  write<K extends WriteName>(kind: K, request: WriteOperations[K]['request']): WriteOperations[K]['result'] {
    const [outcome] = this.writer.commit([{ kind, request } as WriteItem]);
    return resultOf(outcome!) as WriteOperations[K]['result'];
  }

  /** Rows of the file, as another connection sees them. */
  rows(sql: string, ...values: SqlInput[]): unknown[][] {
    using db = Database.open({ file: this.file, readOnly: true, migrations: SCHEMA, applicationId: APPLICATION_ID });
    return db.prepareRows<unknown[]>(sql).all(...values);
  }

  /** The log, as frames. */
  frames(): Buffer[] {
    return this.rows('SELECT frame FROM events ORDER BY position').map(([frame]) => Buffer.from(frame as Uint8Array));
  }

  /** The log. */
  events(): RecordedEvent[] {
    return this.frames().map((bytes) => decodePage({ bytes, count: 1 })[0]!);
  }

  /** Changes the file behind the writer's back, which must be closed, or have nothing in hand. */
  tamper(sql: string): void {
    using db = Database.open({ file: this.file, migrations: SCHEMA, applicationId: APPLICATION_ID });
    db.exec(sql);
  }

  [Symbol.dispose](): void {
    this.writer.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** An append of one write. A text is an event of that type. */
export function write(
  stream: string,
  events: readonly (NewEvent | string)[],
  expectedVersion: ExpectedVersion = 'any',
): AppendRequest {
  const all = events.map((event) => (typeof event === 'string' ? { type: event } : event));
  return { writes: [{ stream, expectedVersion, events: all }] };
}

/** The result, or an error with the code as its message. */
export function resultOf(outcome: WriteOutcome): unknown {
  if (outcome.ok) return outcome.result;
  throw new Error(outcome.error.code, { cause: outcome.error });
}

/** What went wrong: code and details. */
export function errorOf(outcome: WriteOutcome | undefined): Record<string, unknown> {
  if (outcome === undefined || outcome.ok) throw new Error(`not refused: ${JSON.stringify(outcome)}`);
  return { code: outcome.error.code, ...outcome.error.details };
}
