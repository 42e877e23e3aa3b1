import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LARGE_EVENTS, MILLION, type Place } from './rows.ts';

/** PostgreSQL has a user of its own, who must get to its directory below. */
const WALKABLE = 0o755;

/** Directories with stores, filled once for a run of the benchmark. */
export class Places implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'plexus-store-bench-'));
  readonly #fill: (directory: string, events: number) => Promise<void>;

  /** @param fill makes a store of so many events */
  constructor(fill: (directory: string, events: number) => Promise<void>) {
    this.#fill = fill;
    chmodSync(this.#root, WALKABLE);
  }

  /** @returns a directory of that kind, and how to leave it as it has to be for the next */
  async enter(place: Place): Promise<{ directory: string; leave: () => void }> {
    if (place === 'fresh') {
      const directory = mkdtempSync(join(this.#root, 'fresh-'));
      chmodSync(directory, WALKABLE);
      return { directory, leave: () => rmSync(directory, { recursive: true, force: true }) };
    }
    const directory = join(this.#root, place);
    if (!existsSync(directory)) {
      const unfinished = mkdtempSync(join(this.#root, 'filling-'));
      await this.#fill(unfinished, place === 'large' ? LARGE_EVENTS : MILLION);
      renameSync(unfinished, directory);
    }
    // What is appended to it while it is measured hardly changes its size.
    return { directory, leave: () => {} };
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
