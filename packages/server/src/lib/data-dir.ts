import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import { OwnerLock } from './owner-lock.ts';
import { randomId } from './random.ts';

const LOCK_FILE = 'lock';
const NODE_INFO_FILE = 'node.json';

/** What a running node says about itself in `DATA_DIR/node.json`. Ports are the real ones; null is off. */
export interface NodeInfo {
  nodeId: string;
  pid: number;
  version: string;
  mqttPort: number | null;
  mqttsPort: number | null;
  httpPort: number | null;
  peerPort: number | null;
  peerAddresses: string[];
}

function lock(dataDir: string): OwnerLock {
  const lock = OwnerLock.take(join(dataDir, LOCK_FILE));
  if (lock instanceof OwnerLock) return lock;
  throw new PlexusError('data_dir_locked', { dataDir, pid: lock.pid });
}

/** A node's directory, locked while it is open. Only its owner can read it (mode 0700). */
export class DataDir implements Disposable {
  readonly path: string;
  readonly #lock: OwnerLock;
  #closed = false;

  private constructor(path: string) {
    this.path = path;
    this.#lock = lock(path);
    // One that was killed could not remove it.
    rmSync(join(path, NODE_INFO_FILE), { force: true });
  }

  /**
   * Creates the directory if it is not there, and locks it.
   * @throws PlexusError `data_dir_locked` while another process (or this one) has it open; `data_dir_unusable`.
   */
  static open(dataDir: string): DataDir {
    const path = resolve(dataDir);
    try {
      const created = mkdirSync(path, { recursive: true, mode: 0o700 });
      if (created !== undefined) chmodSync(path, 0o700);
      return new DataDir(path);
    } catch (error) {
      if (error instanceof PlexusError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new PlexusError('data_dir_unusable', { dataDir: path, reason }, { cause: error });
    }
  }

  /** Writes `node.json`: for scripts that wait until every listener is up, and want its ports. Appears whole. */
  writeNodeInfo(info: NodeInfo): void {
    const path = join(this.path, NODE_INFO_FILE);
    const temporary = `${path}.${randomId(8)}`;
    writeFileSync(temporary, `${JSON.stringify(info)}\n`, { mode: 0o600 });
    renameSync(temporary, path);
  }

  /** Removes `node.json` and the lock. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    rmSync(join(this.path, NODE_INFO_FILE), { force: true });
    this.#lock.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
