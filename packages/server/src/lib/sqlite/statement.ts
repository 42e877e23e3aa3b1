import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { faultOf } from './faults.ts';

export type SqlInput = SQLInputValue;
export type SqlValue = SQLOutputValue;
/** A row by column names. */
export type NamedRow = Record<string, SqlValue>;

export interface RunResult {
  readonly changes: number;
  readonly lastInsertRowid: number;
}

/**
 * A prepared statement. `Row` is what the caller knows its rows to be. All methods throw `store_full`, `store_damaged` or
 * `store_unavailable` where the file or the disk is at fault.
 */
export class Statement<Row = NamedRow> {
  readonly #statement: StatementSync;
  readonly #file: string;

  constructor(statement: StatementSync, file: string) {
    this.#statement = statement;
    this.#file = file;
  }

  run(...values: SqlInput[]): RunResult {
    try {
      return this.#statement.run(...values) as RunResult;
    } catch (error) {
      throw faultOf(error, this.#file);
    }
  }

  /** As `run`, where nobody asks what changed: it spares the object that would say so. */
  write(...values: SqlInput[]): void {
    try {
      this.#statement.get(...values);
    } catch (error) {
      throw faultOf(error, this.#file);
    }
  }

  /** @returns the first row */
  get(...values: SqlInput[]): Row | undefined {
    try {
      return this.#statement.get(...values) as Row | undefined;
    } catch (error) {
      throw faultOf(error, this.#file);
    }
  }

  all(...values: SqlInput[]): Row[] {
    try {
      return this.#statement.all(...values) as Row[];
    } catch (error) {
      throw faultOf(error, this.#file);
    }
  }

  /** One row at a time. The statement must not be used again before the iteration has ended. */
  *iterate(...values: SqlInput[]): Generator<Row, void, undefined> {
    try {
      yield* this.#statement.iterate(...values) as Iterable<Row>;
    } catch (error) {
      throw faultOf(error, this.#file);
    }
  }
}
