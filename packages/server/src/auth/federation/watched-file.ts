import type { RealmFiles } from './realm-files.ts';

/** What is in a file, or why nothing is. */
export type FileContent =
  | { readonly text: string }
  | { readonly problem: 'missing' | 'unreadable'; readonly reason: string };

/** A file that is looked at now and then. Polling sees every way in which one is replaced: written over, renamed onto, or behind a link. */
export class WatchedFile {
  readonly path: string;
  readonly #maxBytes: number;
  readonly #files: RealmFiles;
  #seen: string | null = null;
  #isFirst = true;

  constructor(path: string, maxBytes: number, files: RealmFiles) {
    this.path = path;
    this.#maxBytes = maxBytes;
    this.#files = files;
  }

  /** @returns null: it is as it was at the last call */
  look(): FileContent | null {
    try {
      // Before reading: what changes meanwhile is seen at the next call.
      const looks = this.#files.looks(this.path);
      if (!this.#differs(looks)) return null;
      return looks === null ? { problem: 'missing', reason: 'there is no such file' } : this.#read();
    } catch (error) {
      const reason = reasonOf(error);
      return this.#differs(`cannot be looked at: ${reason}`) ? { problem: 'unreadable', reason } : null;
    }
  }

  #read(): FileContent {
    try {
      return { text: this.#files.read(this.path, this.#maxBytes) };
    } catch (error) {
      return { problem: 'unreadable', reason: reasonOf(error) };
    }
  }

  #differs(looks: string | null): boolean {
    const differs = this.#isFirst || looks !== this.#seen;
    this.#isFirst = false;
    this.#seen = looks;
    return differs;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
