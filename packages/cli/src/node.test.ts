import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PLEXUS = resolve(import.meta.dirname, '../../../plexus');
const START_TIMEOUT_MS = 15_000;

interface Result {
  code: number | null;
  out: string;
  err: string;
}

interface Running {
  child: ChildProcess;
  done: Promise<Result>;
  out: () => string;
}

const running = new Set<ChildProcess>();

function launch(args: readonly string[], stdin = ''): Running {
  const child = spawn(PLEXUS, args, { stdio: 'pipe' });
  running.add(child);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  child.stdin.on('error', () => {}).end(stdin);
  const done = new Promise<Result>((resolveDone) =>
    child.once('close', (code) => {
      running.delete(child);
      resolveDone({ code, out, err });
    }),
  );
  return { child, done, out: () => out };
}

const plexus = (args: readonly string[], stdin?: string): Promise<Result> => launch(args, stdin).done;

async function until<T>(what: string, read: () => T | null | Promise<T | null>): Promise<T> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const value = await read();
    if (value !== null) return value;
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await sleep(20);
  }
}

function startNode(dataDir: string, args: readonly string[] = []): Running {
  const ports = ['--mqtt-port', '0', '--http-port', '0', '--peer-port', '0'];
  return launch(['start', ...ports, '--data-dir', dataDir, ...args]);
}

interface NodeFile {
  mqttPort: number;
  httpPort: number;
  peerPort: number;
  nodeId: string;
  pid: number;
}

async function infoOf(dataDir: string): Promise<NodeFile> {
  const path = join(dataDir, 'node.json');
  await until(path, () => (existsSync(path) ? true : null));
  return JSON.parse(readFileSync(path, 'utf8'));
}

const parent = mkdtempSync(join(tmpdir(), 'plexus-cli-'));
const dataDir = join(parent, 'data');
let node: Running;
let mqtt: string;
let http: string;

beforeAll(async () => {
  node = startNode(dataDir);
  const info = await infoOf(dataDir);
  mqtt = `mqtt://127.0.0.1:${info.mqttPort}`;
  http = `http://127.0.0.1:${info.httpPort}`;
});
afterAll(async () => {
  node.child.kill();
  await node.done;
  for (const child of running) child.kill('SIGKILL');
  rmSync(parent, { recursive: true, force: true });
});

/** A running `plexus sub` whose subscription is there. */
async function subscribe(filter: string, args: readonly string[]): Promise<Running> {
  const before = await subscriptions();
  const sub = launch(['sub', '-t', filter, '--url', mqtt, ...args]);
  await until(`subscription ${filter}`, async () => ((await subscriptions()) > before ? true : null));
  return sub;
}

async function subscriptions(): Promise<number> {
  const answer = await fetch(`${http}/api/v1/node`);
  const { stats } = (await answer.json()) as { stats: { subscriptions: number } };
  return stats.subscriptions;
}

describe('against a node', () => {
  it.each([0, 1, 2])('sub prints what pub sends at QoS %i, and ends after -n', async (qos) => {
    const sub = await subscribe('demo/+', ['-n', '3', '-q', `${qos}`]);
    const sent = await plexus(['pub', '-t', 'demo/a', '-l', '-q', `${qos}`, '--url', mqtt], 'one\ntwo\nthree\nfour\n');
    expect(sent).toMatchObject({ code: 0, err: '' });
    expect(await sub.done).toMatchObject({ code: 0, out: 'one\ntwo\nthree\n' });
  });

  it('sub prints topics, JSON, and bytes that are no text', async () => {
    const verbose = await subscribe('shown/#', ['-n', '1', '-v']);
    const json = await subscribe('shown/#', ['-n', '1', '--json']);
    await plexus(['pub', '-t', 'shown/x', '-f', PLEXUS, '-q', '1', '--url', mqtt]);
    const text = readFileSync(PLEXUS, 'utf8');
    expect((await verbose.done).out).toBe(`shown/x ${text}\n`);
    expect(JSON.parse((await json.done).out)).toMatchObject({ topic: 'shown/x', payload: text, retain: false });

    const binary = await subscribe('binary', ['-n', '1', '--json']);
    await fetch(`${http}/api/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: 'binary', payloadBase64: '/w==', userProperties: [['k', 'v']], contentType: 'x' }),
    });
    expect(JSON.parse((await binary.done).out)).toEqual({
      topic: 'binary',
      payloadBase64: '/w==',
      qos: 0,
      retain: false,
      properties: { contentType: 'x', userProperties: { k: 'v' } },
    });
  });

  it('pub and sub reach the peer port, too', async () => {
    const { peerPort } = await infoOf(dataDir);
    const url = `plexus://127.0.0.1:${peerPort}`;
    await plexus(['pub', '-t', 'by-peer', '-m', 'value', '-r', '-q', '1', '--url', url]);
    const { out } = await plexus(['sub', '-t', 'by-peer', '-n', '1', '--json', '--url', url]);
    expect(JSON.parse(out)).toMatchObject({ payload: 'value', retain: true });
  });

  it('pub -r is there for whoever subscribes later', async () => {
    await plexus(['pub', '-t', 'kept', '-m', 'value', '-r', '-q', '1', '--url', mqtt]);
    const { out } = await plexus(['sub', '-t', 'kept', '-n', '1', '--json', '--url', mqtt]);
    expect(JSON.parse(out)).toMatchObject({ payload: 'value', retain: true });
  });

  it('status, clients and sessions list, and kick disconnects', async () => {
    const status = await plexus(['status', '--url', http, '--json']);
    expect(JSON.parse(status.out)).toMatchObject({ ready: true, httpPort: Number(new URL(http).port) });
    expect((await plexus(['status', '--url', http])).out).toContain('ready');

    const sub = await subscribe('kicked', []);
    const { clients } = JSON.parse((await plexus(['clients', '--url', http, '--json'])).out);
    const [{ realm, clientId }] = clients;
    expect(realm).toBe('default');
    expect((await plexus(['clients', '--url', http])).out).toContain(clientId);
    expect(JSON.parse((await plexus(['clients', '--realm', 'other', '--json', '--url', http])).out).clients).toEqual(
      [],
    );
    const { sessions } = JSON.parse((await plexus(['sessions', '--url', http, '--json'])).out);
    expect(sessions).toMatchObject([{ realm, clientId, connected: true, subscriptions: 1 }]);

    expect(await plexus(['clients', 'kick', realm, clientId, '--url', http])).toMatchObject({ code: 0 });
    const ended = await sub.done;
    expect(ended.code).toBe(1);
    expect(ended.err).toContain('0x98');
    const again = await plexus(['clients', 'kick', realm, clientId, '--url', http]);
    expect(again.code).toBe(1);
    expect(again.err).toContain('client_not_found');
  });
});

describe('a node in no cluster', () => {
  it('has no peers, and says so', async () => {
    const peers = await plexus(['peers', '--url', http, '--json']);
    expect(JSON.parse(peers.out)).toEqual({ peers: [], next: null });
    expect((await plexus(['peers', '--url', http])).out).toMatch(/^PEER +MEMBER /);
    const { out } = await plexus(['cluster', 'status', '--url', http, '--json']);
    const { nodeId } = await infoOf(dataDir);
    expect(JSON.parse(out)).toMatchObject({ name: null, members: [{ nodeId, self: true, state: 'up' }] });
    expect((await plexus(['cluster', 'status', '--url', http])).out).toContain(`${nodeId} (this one)`);
  });

  it('has none to leave or remove', async () => {
    const left = await plexus(['cluster', 'leave', '--url', http]);
    expect([left.code, left.err]).toEqual([1, expect.stringContaining('not_in_cluster')]);
    const removed = await plexus(['peers', 'remove', 'nobody', '--url', http]);
    expect([removed.code, removed.err]).toEqual([1, expect.stringContaining('peer_not_found')]);
  });
});

describe('a node that takes no part in the mesh', () => {
  it('says so', async () => {
    expect((await plexus(['mesh', 'status', '--url', http])).out).toBe('takes no part in the mesh\n');
    const { out } = await plexus(['mesh', 'status', '--url', http, '--json']);
    expect(JSON.parse(out)).toMatchObject({ enabled: false, peers: [] });
    expect((await plexus(['mesh', 'advertisements', '--url', http])).out).toMatch(/^REALM +KEY /);
    expect((await plexus(['mesh', 'pending', '--url', http])).code).toBe(0);
    const lookup = await plexus(['mesh', 'lookup', 'a/b', '--url', http]);
    expect([lookup.code, lookup.err]).toEqual([1, expect.stringContaining('not_in_mesh')]);
  });
});

describe('start', () => {
  it('refuses a second node on one data directory', async () => {
    const { code, err } = await startNode(dataDir).done;
    expect(code).toBe(1);
    expect(err).toContain(`${node.child.pid}`);
  });

  it('refuses a port that is taken, and leaves nothing behind', async () => {
    const own = join(parent, 'taken');
    const { code, err } = await startNode(own, ['--mqtt-port', new URL(mqtt).port]).done;
    expect(code).toBe(1);
    expect(err).toContain('mqttPort');
    expect(existsSync(join(own, 'lock'))).toBe(false);
    expect(existsSync(join(own, 'node.json'))).toBe(false);
  });

  it('names the option of a TLS file that is missing, exits 2, and leaves nothing behind', async () => {
    const own = join(parent, 'tls');
    const files = ['--tls-cert', join(parent, 'no.pem'), '--tls-key', join(parent, 'no.key')];
    const { code, err } = await startNode(own, ['--mqtts-port', '0', ...files]).done;
    expect(code).toBe(2);
    expect(err).toContain('tlsCert');
    expect(existsSync(own)).toBe(false);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'drains at %s: clients hear 0x8B, exit code 0, node.json gone',
    async (signal) => {
      const own = join(parent, signal);
      const started = startNode(own);
      const info = await infoOf(own);
      expect(info.pid).toBe(started.child.pid);
      const url = `mqtt://127.0.0.1:${info.mqttPort}`;
      const sub = launch(['sub', '-t', 'x', '--url', url]);
      await until('the client', async () => {
        const answer = await fetch(`http://127.0.0.1:${info.httpPort}/api/v1/clients`);
        return ((await answer.json()) as { clients: unknown[] }).clients.length === 1 ? true : null;
      });
      started.child.kill(signal);
      const { code, out, err } = await started.done;
      expect(code, err).toBe(0);
      expect(out).toBe('');
      for (const line of err.trim().split('\n')) expect(() => JSON.parse(line), line).not.toThrow();
      expect((await sub.done).err).toContain('0x8b');
      expect(existsSync(join(own, 'node.json'))).toBe(false);
      expect(existsSync(join(own, 'lock'))).toBe(false);
    },
  );

  it('takes its data directory back after kill -9', async () => {
    const own = join(parent, 'killed');
    const first = startNode(own);
    const { nodeId } = await infoOf(own);
    first.child.kill('SIGKILL');
    await first.done;
    const second = startNode(own);
    await until('the new node', async () => ((await infoOf(own)).pid === second.child.pid ? true : null));
    expect((await infoOf(own)).nodeId).toBe(nodeId);
    second.child.kill();
    expect((await second.done).code).toBe(0);
  });
});
