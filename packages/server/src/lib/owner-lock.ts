import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomId } from './random.ts';

const MAX_ATTEMPTS = 10;

/** A process, told apart from a later one with the same pid. */
interface Owner {
  pid: number;
  /** Boot of the machine and start of the process in it; null where the system does not say. */
  startedAt: string | null;
}

function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the command, field 2, is in parentheses and may contain anything; the start time is field 22.
    const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return startTicks === undefined ? null : `${boot}/${startTicks}`;
  } catch {
    return null;
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const startedAt = startOf(owner.pid);
  return owner.startedAt === null || startedAt === null || startedAt === owner.startedAt;
}

function parseOwner(text: string): Owner | null {
  try {
    const { pid, startedAt } = JSON.parse(text) as Partial<Owner>;
    if (!Number.isInteger(pid) || pid! < 1) return null;
    return { pid: pid!, startedAt: typeof startedAt === 'string' ? startedAt : null };
  } catch {
    return null;
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** @returns false if there is a file of that name already. The file appears whole or not at all. */
export function createWhole(path: string, content: string): boolean {
  const temporary = `${path}.${randomId(8)}`;
  writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Moves a lock of a dead process away. Of several processes that try, those that moved a live lock put it back. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${randomId(8)}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = readFileSync(aside, 'utf8');
  if (moved !== stale) createWhole(path, moved);
  rmSync(aside, { force: true });
}

/** A file that says which process has something. It outlives a process that was killed, and is then anyone's to take. */
export class OwnerLock implements Disposable {
  readonly #path: string;
  readonly #mine: string;
  readonly #guard: Disposable | null;

  private constructor(path: string, mine: string, guard: Disposable | null) {
    this.#path = path;
    this.#mine = mine;
    this.#guard = guard;
  }

  /** Who the file at `path` says has it; null: nobody, or that cannot be told. */
  static pidIn(path: string): number | null {
    const text = readIfThere(path);
    return text === null ? null : (parseOwner(text)?.pid ?? null);
  }

  /**
   * @param guard that goes with it: disposed of when it is released, or not taken
   * @returns the lock, or who has it: a process that lives, this one too; null if that cannot be told
   */
  static take(path: string, guard: Disposable | null = null): OwnerLock | { readonly pid: number | null } {
    try {
      const taken = OwnerLock.#tryTake(path, guard);
      if (!(taken instanceof OwnerLock)) guard?.[Symbol.dispose]();
      return taken;
    } catch (error) {
      guard?.[Symbol.dispose]();
      throw error;
    }
  }

  static #tryTake(path: string, guard: Disposable | null): OwnerLock | { readonly pid: number | null } {
    const mine = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid), token: randomId(8) });
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (createWhole(path, mine)) return new OwnerLock(path, mine, guard);
      const text = readIfThere(path);
      if (text === null) continue;
      const owner = parseOwner(text);
      if (owner !== null && isAlive(owner)) return { pid: owner.pid };
      removeStale(path, text);
    }
    return { pid: null };
  }

  /** Idempotent. */
  release(): void {
    try {
      if (readIfThere(this.#path) === this.#mine) rmSync(this.#path, { force: true });
    } finally {
      this.#guard?.[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
