import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { Hosted, Reply } from './hosted.ts';

export interface MoveLogInit {
  /** Of the database; another connection, which writes, has it open. */
  readonly file: string;
  /** It is gone on with as long as so many pages are left. */
  readonly leastPages: number;
}

/** While it moves pages, others come. */
const MOST_PASSES = 3;

/** `failure`: what went wrong, for the log of the node; null: nothing did. */
export interface LogMoved {
  readonly failure: string | null;
}

/**
 * Moves the write-ahead log of a file into it whenever it is sent a message, and answers each time with `LogMoved`. It takes what it can without
 * holding up anybody: the writer goes on writing, so the last pages are left to it, and so is to begin the log anew.
 */
export function create({ file, leastPages }: MoveLogInit, reply: Reply): Hosted {
  const url = pathToFileURL(file);
  // A file that is gone is not made anew: SQLite would throw its log away.
  url.searchParams.set('mode', 'rw');
  const db = new DatabaseSync(url, { timeout: 0 });
  const state = (mode: 'NOOP' | 'PASSIVE'): (() => number) => {
    const statement = db.prepare(`PRAGMA wal_checkpoint(${mode})`);
    return () => {
      const { log, checkpointed } = statement.get() as { log: number; checkpointed: number };
      return log - checkpointed;
    };
  };
  const move = state('PASSIVE');
  const pagesLeft = state('NOOP');
  return {
    handle: () => {
      let failure: string | null = null;
      try {
        for (let pass = 0; pass < MOST_PASSES && pagesLeft() >= leastPages; pass++) move();
      } catch (error) {
        failure = (error as Error).message;
      }
      reply({ failure } satisfies LogMoved);
    },
    idle: () => null,
    close: () => db.close(),
  };
}
