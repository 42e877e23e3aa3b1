import { PlexusError } from '@plexus/protocol';
import type { VerifyReport } from '../reads.ts';

export type Fault = VerifyReport['faults'][number];

const MAX_FAULTS = 100;

/** Faults that were found in a slice, up to a bound. */
export class Faults {
  readonly list: Fault[] = [];

  get isFull(): boolean {
    return this.list.length >= MAX_FAULTS;
  }

  add(where: string, problem: string, position: number | null = null): void {
    if (!this.isFull) this.list.push({ where, problem, position });
  }

  /** Runs `check`; damage that it throws is one more fault. @returns what it returned, or undefined */
  collect<T>(where: string, check: () => T): T | undefined {
    try {
      return check();
    } catch (error) {
      this.add(where, problemOf(error), positionOf(error));
      return undefined;
    }
  }
}

function problemOf(error: unknown): string {
  if (error instanceof PlexusError && error.code === 'store_damaged') return String(error.details.problem);
  // A value of a type that nobody has written makes SQLite refuse the statement.
  if (error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR') return error.message;
  throw error;
}

function positionOf(error: unknown): number | null {
  const position = error instanceof PlexusError ? error.details.position : null;
  return typeof position === 'number' ? position : null;
}
