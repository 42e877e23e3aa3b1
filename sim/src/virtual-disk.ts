/** What a machine keeps over the lives of its programs. */
export class VirtualDisk {
  readonly #files = new Map<string, string>();

  read(name: string): string | null {
    return this.#files.get(name) ?? null;
  }

  /** On the disk when it returns. */
  write(name: string, content: string): void {
    this.#files.set(name, content);
  }
}

/** Gives each start of an identity its number. */
export type IncarnationSource = (disk: VirtualDisk, wallMs: number) => number;

const FILE = 'incarnation';

/** As a node does it: the wall clock, raised where that would not grow. */
export const nextIncarnation: IncarnationSource = (disk, wallMs) => {
  const last = Number(disk.read(FILE) ?? 0);
  const next = Math.max(wallMs, last + 1);
  disk.write(FILE, String(next));
  return next;
};
