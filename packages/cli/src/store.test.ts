import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './program.ts';

const PLEXUS = resolve(import.meta.dirname, '../../../plexus');
const START_TIMEOUT_MS = 15_000;

let node: ChildProcess;
let dataDir: string;
let url: string;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'plexus-cli-store-'));
  const ports = ['--mqtt-port', '0', '--http-port', '0', '--peer-port', '0'];
  node = spawn(PLEXUS, ['start', ...ports, '--data-dir', dataDir], { stdio: 'ignore' });
  const info = join(dataDir, 'node.json');
  for (const deadline = Date.now() + START_TIMEOUT_MS; !existsSync(info); await sleep(20)) {
    if (Date.now() > deadline) throw new Error('the node did not start');
  }
  url = `http://127.0.0.1:${JSON.parse(readFileSync(info, 'utf8')).httpPort}`;
});
afterAll(async () => {
  const gone = new Promise((done) => node.once('close', done));
  if (node.kill()) await gone;
  rmSync(dataDir, { recursive: true, force: true });
});

interface Result {
  code: number;
  out: string;
  err: string;
}

async function store(args: readonly string[], stdin: string | Readable = ''): Promise<Result> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let [out, err] = ['', ''];
  stdout.on('data', (chunk) => (out += chunk));
  stderr.on('data', (chunk) => (err += chunk));
  const input = typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin;
  const code = await run(['store', ...args], { stdin: input, stdout, stderr, env: { PLEXUS_HTTP_URL: url } });
  return { code, out, err };
}

const lines = (out: string): { [member: string]: unknown }[] =>
  out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

const fileOfDefault = (): string => join(dataDir, 'stores/default/default.db');

describe('plexus store', () => {
  it('appends an event with everything that it may have, and reads it', async () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const args = ['append', 'o/1 ü', '--type', 'placed', '--data', '{"a":1}', '--id', id, '--expected-version', 'none'];
    const more = ['--tag', 'x', '--tag', 'y,z', '--metadata', '[]', '--correlation-id', 'c', '--causation-id', 'd'];
    expect(await store([...args, ...more])).toEqual({ code: 0, out: 'version 0, position 0\n', err: '' });
    expect((await store([...args, ...more])).out).toContain('it was there already');
    expect(JSON.parse((await store([...args, ...more, '--json'])).out)).toMatchObject({ version: 0, duplicate: true });
    const { out } = await store(['read', 'o/1 ü', '--json']);
    expect(lines(out)).toMatchObject([
      { id, data: { a: 1 }, tags: ['x', 'y,z'], metadata: [], correlationId: 'c', causationId: 'd' },
    ]);
    const refused = await store(['append', 'o/1 ü', '--type', 't', '--expected-version', '7']);
    expect([refused.code, refused.out]).toEqual([1, '']);
    expect(refused.err).toContain('wrong_expected_version');
  });

  it('appends bytes, files, and lines in order', async () => {
    await store(['append', 'kinds', '--type', 't', '--data', 'é', '--content-type', 'text/plain']);
    await store(['append', 'kinds', '--type', 't', '-f', resolve(import.meta.dirname, '../package.json')]);
    const many = Array.from({ length: 3000 }, (_, i) => `${i}\n`).join('');
    const appended = await store(['append', 'many', '--type', 'n', '-l', '--expected-version', 'none'], many);
    expect(appended.code, appended.err).toBe(0);
    const { out } = await store(['read', 'many', '--json']);
    expect(lines(out).map(({ data }) => data)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
    expect(lines((await store(['read', 'kinds', '--json'])).out)).toMatchObject([
      { contentType: 'text/plain', dataBase64: 'w6k=' },
      { data: { name: '@plexus/cli' } },
    ]);
    const bad = await store(['append', 'bad', '--type', 't', '-l'], '1\n2\n{\n4\n');
    expect(bad.code).toBe(1);
    expect(bad.err).toContain('line 3');
    expect(lines((await store(['read', 'bad', '--json'])).out).map(({ data }) => data)).toEqual([1, 2]);
  });

  it('reads what is asked for', async () => {
    for (const [type, tag] of [
      ['a', 'fx'],
      ['b', 'fx,y'],
      ['a', 'fz'],
    ] as const) {
      await store(['append', 'filtered', '--type', `f-${type}`, '--tag', tag]);
    }
    const versions = async (...args: string[]): Promise<unknown[]> =>
      lines((await store(['read', '--json', ...args])).out).map(({ version }) => version);
    expect(await versions('filtered', '--from', '1')).toEqual([1, 2]);
    expect(await versions('filtered', '--direction', 'backwards', '--limit', '2')).toEqual([2, 1]);
    expect(await versions('--type', 'f-a')).toEqual([0, 2]);
    expect(await versions('--tag', 'fx,y')).toEqual([1]);
    expect(await versions('--tag', 'fx', 'fz', '--match', 'any')).toEqual([0, 2]);
    expect(await versions('--type-prefix', 'f-', '--streams', 'filt*', '--until', '2000-01-01')).toEqual([]);
    const missing = await store(['read', 'missing']);
    expect([missing.code, missing.err]).toEqual([1, 'plexus: There is no stream missing (stream_not_found)\n']);
  });

  it('prints what others wrote without letting it steer the terminal', async () => {
    await store(['append', 'evil', '--type', 'a\u202eb', '--data', '"\\u001b[31m\u009b"']);
    const { out } = await store(['read', 'evil']);
    expect(out).toMatch(/^\d+ {2}.*Z {2}evil@0 {2}a\\u202eb {2}"\\u001b\[31m\\u009b"\n$/);
  });

  it('follows what is appended', async () => {
    await store(['append', 'live', '--type', 't', '--data', '0']);
    const all = store(['subscribe', 'live', '--from', 'start', '-n', '3', '--json']);
    const fresh = store(['subscribe', '--type', 'fresh', '-n', '1']);
    // Until both are there: the second one hears of nothing that was before.
    await sleep(500);
    await store(['append', 'live', '--type', 't', '-l'], '1\n2\n');
    await store(['append', 'live', '--type', 'fresh', '--data', '3']);
    const [first, second] = await Promise.all([all, fresh]);
    expect(lines(first.out).map(({ data }) => data)).toEqual([0, 1, 2]);
    expect(second).toMatchObject({ code: 0, err: '' });
    expect(second.out).toMatch(/live@3 {2}fresh {2}3\n$/);
  });

  it('lists streams, says how a store is, and verifies it', async () => {
    await store(['append', 'shown', '--type', 't', '--data', '"three million"']);
    expect((await store(['streams', '--prefix', 'sho'])).out).toMatch(/^STREAM .*\nshown +0 +1 /);
    const { streams } = JSON.parse((await store(['streams', '--json'])).out);
    expect(streams.map(({ stream }: { stream: string }) => stream)).toEqual(expect.arrayContaining(['shown']));
    expect((await store(['stats'])).out).toMatch(/state +healthy\n/);
    const stats = JSON.parse((await store(['stats', '--json'])).out);
    const report = JSON.parse((await store(['verify', '--json'])).out);
    expect(report).toEqual({ events: stats.events, streams: stats.streams, faults: [] });
    expect((await store(['verify'])).out).toBe(`${report.events} events in ${report.streams} streams\n`);
    const other = await store(['stats', '--store', 'other']);
    expect([other.code, other.err]).toEqual([1, 'plexus: There is no store other (store_not_found)\n']);
  });

  it('verifies a file that no node has open, also after a crash, and says where it is damaged', async () => {
    const busy = await store(['verify', '--file', fileOfDefault()]);
    expect([busy.code, busy.err]).toMatchObject([1, expect.stringContaining(`is in use by process ${node.pid}`)]);
    const before = JSON.parse((await store(['stats', '--json'])).out);
    const gone = new Promise((done) => node.once('close', done));
    node.kill('SIGKILL');
    await gone;
    const whole = await store(['verify', '--json', '--file', fileOfDefault()]);
    expect([whole.code, whole.err]).toEqual([0, '']);
    expect(JSON.parse(whole.out)).toEqual({ events: before.events, streams: before.streams, faults: [] });

    const bytes = readFileSync(fileOfDefault());
    // Into the text of an event, wherever it is.
    const at = bytes.indexOf('three million');
    expect(at).toBeGreaterThan(0);
    bytes[at]! ^= 1;
    const copy = join(dataDir, 'copy.db');
    writeFileSync(copy, bytes);
    const damaged = await store(['verify', '--json', '--file', copy]);
    expect([damaged.code, damaged.err]).toEqual([1, 'plexus: a fault was found\n']);
    expect(JSON.parse(damaged.out).faults).toMatchObject([{ position: expect.any(Number) }]);
    expect((await store(['verify', '--file', copy])).out).toMatch(/position \d+: /);

    writeFileSync(copy, bytes.subarray(0, 4096));
    const cut = await store(['verify', '--file', copy]);
    expect([cut.code, cut.out]).toMatchObject([1, expect.stringContaining('cut off')]);
    expect((await store(['verify', '--file', join(dataDir, 'none.db')])).err).toContain('there is no such file');
  });
});
