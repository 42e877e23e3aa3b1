import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { canRun, itNeeds, pythonWithPaho } from '../packages/server/src/testing/peers.ts';
import { examplesOf, isAnswer } from './doc-examples.ts';
import { repositoryRoot } from './repository.ts';

const START_TIMEOUT_MS = 15_000;
const EXAMPLE_TIMEOUT_MS = 15_000;
vi.setConfig({ testTimeout: 60_000 });

const examples = examplesOf(readFileSync(join(repositoryRoot, 'docs/event-store.md'), 'utf8'));
const python = pythonWithPaho();

let node: ChildProcess;
let dataDir: string;
let ports: { mqttPort: number; httpPort: number };

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'plexus-doc-'));
  const flags = ['--mqtt-port', '0', '--http-port', '0', '--peer-port', '0', '--data-dir', dataDir];
  node = spawn(join(repositoryRoot, 'plexus'), ['start', ...flags], { stdio: 'ignore' });
  const info = join(dataDir, 'node.json');
  for (const deadline = Date.now() + START_TIMEOUT_MS; !existsSync(info); await sleep(20)) {
    if (Date.now() > deadline) throw new Error('the node did not start');
  }
  ports = JSON.parse(readFileSync(info, 'utf8'));
});
afterAll(async () => {
  const gone = new Promise((resolve) => node.once('close', resolve));
  node.kill();
  await gone;
  rmSync(dataDir, { recursive: true, force: true });
});

/** As a reader would run it, only that the node has other ports. @returns what it printed */
function run(language: string, code: string): Promise<string> {
  const moved = code
    .replaceAll('localhost:8080', `localhost:${ports.httpPort}`)
    .replaceAll('localhost:1883', `localhost:${ports.mqttPort}`)
    .replaceAll('"localhost", 1883', `"localhost", ${ports.mqttPort}`);
  const commands: Record<string, [string, ...string[]]> = {
    sh: ['sh', '-c', moved],
    js: [process.execPath, '--input-type=module', '-e', moved],
    python: [python ?? 'python3', '-c', moved],
  };
  const [command, ...args] = commands[language]!;
  const env = { ...process.env, PLEXUS_HTTP_URL: `http://localhost:${ports.httpPort}`, NO_COLOR: '1' };
  const child = spawn(command, args, { cwd: repositoryRoot, env, timeout: EXAMPLE_TIMEOUT_MS });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (status === 0) resolve(out);
      else reject(new Error(`ended with ${status ?? signal}: ${err}${out}`));
    });
  });
}

describe('docs/event-store.md', () => {
  it('has examples of all kinds', () => {
    expect(new Set(examples.map(({ language }) => language))).toEqual(new Set(['sh', 'js', 'python']));
    expect(examples.length).toBeGreaterThan(15);
  });

  // One test, because each example goes on where the one before ended.
  itNeeds(
    'curl, or python3-paho-mqtt,',
    canRun('curl', '--version') && python !== null,
    'answers as it says',
    async () => {
      for (const { language, code, answer, line } of examples) {
        const printed = await run(language, code).catch((error: Error) => {
          throw new Error(`line ${line}: ${error.message}`);
        });
        if (answer !== null && !isAnswer(answer, printed)) expect(printed, `line ${line}`).toBe(answer);
      }
    },
  );
});

describe('an answer', () => {
  it.each([
    ['{"a":…}', '{"a": 1}\n', true],
    ['{"a":…}', '{"b":1}', false],
    ['a.c', 'abc', false],
    ['a', 'ab', false],
    ['…b', 'ab', true],
  ])('%j is given by %j: %s', (answer, printed, expected) => {
    expect(isAnswer(answer, printed)).toBe(expected);
  });
});
