/**
 * Runs the static checks and all tests, and ends with `N passed, N failed, N skipped`; each static check counts as one.
 * `--static` runs the checks alone; any other argument goes to vitest.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Counts } from './count-reporter.ts';
import { repositoryRoot } from './repository.ts';

const bin = (name: string): string => join(repositoryRoot, 'node_modules', '.bin', name);
const script = (name: string): string => join(import.meta.dirname, name);

interface Check {
  name: string;
  command: string;
  args: string[];
}

const CHECKS: readonly Check[] = [
  { name: 'types', command: bin('tsc'), args: ['-p', 'tsconfig.json'] },
  { name: 'types of the pages', command: bin('tsc'), args: ['-p', 'packages/dashboard'] },
  { name: 'lint and format', command: bin('biome'), args: ['ci', '--error-on-warnings', '.'] },
  { name: 'import directions', command: process.execPath, args: [script('check-imports.ts')] },
  { name: 'conformance table', command: process.execPath, args: [script('check-conformance.ts')] },
];

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: repositoryRoot, stdio: 'inherit', env });
    child.once('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve(false);
    });
    child.once('exit', (code) => resolve(code === 0));
  });
}

async function runChecks(total: Counts): Promise<void> {
  for (const { name, command, args } of CHECKS) {
    const passed = await run(command, args);
    process.stdout.write(`${passed ? 'ok' : 'FAILED'}: ${name}\n`);
    if (passed) total.passed++;
    else total.failed++;
  }
}

async function runTests(args: readonly string[], total: Counts): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'plexus-test-'));
  const path = join(directory, 'counts.json');
  try {
    // Whatever finds the system's Node first in a child process would test with the wrong one.
    const env = { ...process.env, PLEXUS_TEST_COUNTS: path, PATH: `${bin('')}:${process.env.PATH ?? ''}` };
    const reporters = ['--reporter=default', `--reporter=${script('count-reporter.ts')}`];
    const passed = await run(process.execPath, [bin('vitest'), 'run', ...reporters, ...args], env);
    const counts = readCounts(path);
    total.passed += counts?.passed ?? 0;
    total.skipped += counts?.skipped ?? 0;
    // A run that failed without a failing test failed all the same.
    total.failed += passed ? (counts?.failed ?? 1) : Math.max(1, counts?.failed ?? 1);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readCounts(path: string): Counts | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Counts;
  } catch {
    return null;
  }
}

const args = process.argv.slice(2);
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
await runChecks(total);
if (!args.includes('--static')) await runTests(args, total);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
