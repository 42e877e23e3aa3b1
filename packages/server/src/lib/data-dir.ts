import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import { randomId } from './random.ts';

const LOCK_FILE = 'lock';
const NODE_ID_FILE = 'node-id';
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
function createWhole(path: string, content: string): boolean {
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

function lock(dataDir: string): string {
  const path = join(dataDir, LOCK_FILE);
  const mine = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid), token: randomId(8) });
  for (let attempt = 0; attempt < 10; attempt++) {
    if (createWhole(path, mine)) return mine;
    const text = readIfThere(path);
    if (text === null) continue;
    const owner = parseOwner(text);
    if (owner !== null && isAlive(owner)) throw new PlexusError('data_dir_locked', { dataDir, pid: owner.pid });
    removeStale(path, text);
  }
  throw new PlexusError('data_dir_locked', { dataDir, pid: null });
}

function nodeIdIn(dataDir: string): string {
  const path = join(dataDir, NODE_ID_FILE);
  createWhole(path, `${randomId(16)}\n`);
  const nodeId = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{32}$/.test(nodeId)) {
    throw new PlexusError('data_dir_unusable', { dataDir, reason: `${NODE_ID_FILE} does not hold a node id` });
  }
  return nodeId;
}

/** A node's directory, locked while it is open. Only its owner can read it (mode 0700). */
export class DataDir implements Disposable {
  readonly path: string;
  /** 128 random bits in hexadecimal, made once per directory. */
  readonly nodeId: string;
  readonly #lock: string;
  #closed = false;

  private constructor(path: string) {
    this.path = path;
    this.#lock = lock(path);
    try {
      this.nodeId = nodeIdIn(path);
    } catch (error) {
      this.close();
      throw error;
    }
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
    const lockPath = join(this.path, LOCK_FILE);
    if (readIfThere(lockPath) === this.#lock) rmSync(lockPath, { force: true });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
