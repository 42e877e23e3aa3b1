import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFile } from './file-lock.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-file-lock-'));
  file = join(dir, 'some.db');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function refusal(): PlexusError | null {
  try {
    lockFile(file).release();
    return null;
  } catch (error) {
    return error as PlexusError;
  }
}

it('a file that is in use is refused, naming the process', () => {
  const lock = lockFile(file);
  expect(refusal()).toMatchObject({ code: 'store_locked', details: { file, pid: process.pid } });
  lock.release();
  lock.release();
  expect(existsSync(`${file}.lock`)).toBe(false);
  expect(refusal()).toBeNull();
});

it('a file of another process is refused until that process is gone', async () => {
  const module = new URL('file-lock.ts', import.meta.url).href;
  const script = `import { lockFile } from ${JSON.stringify(module)}; lockFile(${JSON.stringify(file)}); console.log('has it'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  await once(child.stdout, 'data');
  expect(refusal()).toMatchObject({ code: 'store_locked', details: { file, pid: child.pid } });
  // As it looks from another container, where no process has that id.
  writeFileSync(`${file}.lock`, JSON.stringify({ pid: 2 ** 30, startedAt: null }));
  expect(refusal()).toMatchObject({ code: 'store_locked' });
  child.kill('SIGKILL');
  await gone;
  expect(refusal()).toBeNull();
});

it('what cannot be locked is unavailable', () => {
  writeFileSync(file, '');
  file = join(file, 'below.db');
  expect(refusal()).toMatchObject({ code: 'store_unavailable' });
});
