import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataDir, type NodeInfo } from './data-dir.ts';

let parent: string;
let path: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'plexus-data-dir-'));
  path = join(parent, 'a', 'data');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as PlexusError).code;
  }
  return 'none';
}

const info = (nodeId: string): NodeInfo => ({
  nodeId,
  pid: process.pid,
  version: '0',
  mqttPort: 1,
  mqttsPort: null,
  httpPort: 2,
  peerPort: null,
  peerAddresses: [],
});

describe('data directory', () => {
  it('is made for its owner alone, and may be opened again', () => {
    const first = DataDir.open(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    first.close();
    first.close();
    using second = DataDir.open(path);
    expect(second.path).toBe(first.path);
  });

  it('is refused while it is open, in this process too', () => {
    using dir = DataDir.open(path);
    expect(codeOf(() => DataDir.open(path))).toBe('data_dir_locked');
    expect(existsSync(join(dir.path, 'lock'))).toBe(true);
  });

  it('is taken from a process that is gone', async () => {
    DataDir.open(path).close();
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.once('exit', resolve));
    writeFileSync(join(path, 'lock'), JSON.stringify({ pid: child.pid, startedAt: null }));
    using dir = DataDir.open(path);
    expect(existsSync(join(dir.path, 'lock'))).toBe(true);
  });

  it.runIf(existsSync('/proc/self/stat'))('is taken when the pid belongs to another process by now', () => {
    DataDir.open(path).close();
    writeFileSync(join(path, 'lock'), JSON.stringify({ pid: process.pid, startedAt: 'earlier boot/1' }));
    using dir = DataDir.open(path);
    expect(existsSync(join(dir.path, 'lock'))).toBe(true);
  });

  it('is taken when the lock file is rubbish', () => {
    DataDir.open(path).close();
    for (const text of ['', '{', 'null', '{"pid":0}', '{"pid":"1"}']) {
      writeFileSync(join(path, 'lock'), text);
      DataDir.open(path).close();
    }
  });

  it('leaves nothing behind', () => {
    writeFileSync(join(parent, 'file'), '');
    const dir = DataDir.open(path);
    dir.writeNodeInfo(info('f00d'));
    expect(JSON.parse(readFileSync(join(path, 'node.json'), 'utf8'))).toEqual(info('f00d'));
    dir.close();
    expect(readdirSync(path)).toEqual([]);
  });

  it('that cannot be one says so', () => {
    writeFileSync(join(parent, 'file'), '');
    expect(codeOf(() => DataDir.open(join(parent, 'file')))).toBe('data_dir_unusable');
    expect(existsSync(join(parent, 'file', 'lock'))).toBe(false);
  });
});
