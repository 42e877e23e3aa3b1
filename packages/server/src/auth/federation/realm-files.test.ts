import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'realm-files-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

// The system writes what there is room for, and says how much that was: the key of a realm would be lost with the rest.
it('a file that does not fit is left as it was', () => {
  const path = join(directory, 'authority');
  writeFileSync(path, 'before');
  const script = `
    import { replaceWhole } from ${JSON.stringify(join(import.meta.dirname, 'realm-files.ts'))};
    try {
      replaceWhole(${JSON.stringify(path)}, 'x'.repeat(100_000));
      console.log('written');
    } catch (error) {
      console.log(error.code);
    }`;
  // Blocks of 512 or 1024 bytes: at most half of it.
  const limited = ['-c', 'ulimit -f 50; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script];
  expect(execFileSync('sh', limited, { encoding: 'utf8' }).trim()).toBe('EFBIG');
  expect(readFileSync(path, 'utf8')).toBe('before');
  expect(readdirSync(directory)).toEqual(['authority']);
});
