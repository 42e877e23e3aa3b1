import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Io } from './io.ts';
import { run } from './program.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let dir: string;
let peer: string;
const at = (name: string): string => join(dir, name);

async function plexus(args: string[], env: Io['env'] = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run(args, { stdin: Readable.from([]), stdout, stderr, env });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

async function inspect(name: string) {
  const { code, out, err } = await plexus(['realm', 'inspect', at(name), '--json']);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Record<string, unknown>;
}

const create = (...more: string[]) => plexus(['realm', 'create', 'plant', '--out', at('authority'), ...more]);
const issue = (...more: string[]) =>
  plexus(['realm', 'issue', '--authority', at('authority'), '--peer', peer, '--out', at('token'), ...more]);
const revoke = (...more: string[]) =>
  plexus(['realm', 'revoke', '--authority', at('authority'), '--out', at('list'), ...more]);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-realm-'));
  peer = (await plexus(['identity', '--data-dir', at('data')])).out.trim();
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('plexus identity', () => {
  it('makes one identity per data directory, that only its owner can read', async () => {
    expect(peer).toMatch(/^12D3KooW\w{44}$/);
    expect(await plexus(['identity'], { PLEXUS_DATA_DIR: at('data') })).toEqual({ code: 0, out: `${peer}\n`, err: '' });
    expect((await plexus(['identity', '--data-dir', at('other/data')])).out).not.toBe(`${peer}\n`);
    expect(statSync(at('other/data')).mode & 0o777).toBe(0o700);
  });

  it('fails where there is no directory to be had', async () => {
    writeFileSync(at('file'), '');
    expect((await plexus(['identity', '--data-dir', at('file')])).code).toBe(1);
  });
});

describe('plexus realm create', () => {
  it('prints the authority key, and beside it the configuration', async () => {
    const { code, out, err } = await create();
    expect(code, err).toBe(0);
    expect(out).toMatch(/^[\w-]{43}\n$/);
    const { realms } = parse(err.slice(err.indexOf('realms:'))) as { realms: unknown };
    expect(realms).toEqual([{ name: 'plant', federated: true, authorityKey: out.trim() }]);
    expect(statSync(at('authority')).mode & 0o777).toBe(0o600);
    expect(await inspect('authority')).toMatchObject({
      kind: 'authority',
      realm: 'plant',
      authorityKey: out.trim(),
      epochMs: 7 * DAY_MS,
      overlapMs: DAY_MS,
      epoch: 0,
      lastIssue: 0,
      lastList: 0,
    });
  });

  it('makes the folder that it is told to write to', async () => {
    expect(await create('--out', at('new/folder/authority'))).toMatchObject({ code: 0 });
    expect(statSync(at('new/folder')).mode & 0o777).toBe(0o700);
  });

  it('makes a file for the configuration where it is told to, and never over another', async () => {
    const { code, out, err } = await create('--config', at('config'));
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const realms = [{ name: 'plant', federated: true, authorityKey: out.trim() }];
    expect(parse(readFileSync(at('config'), 'utf8'))).toEqual({ realms });
    const other = await create('--out', at('other'), '--config', at('config'));
    expect(other).toMatchObject({ code: 1, out: '' });
    expect(existsSync(at('other'))).toBe(false);
  });

  it('never writes over an authority', async () => {
    await create();
    const before = readFileSync(at('authority'), 'utf8');
    expect(await create()).toMatchObject({ code: 1, out: '' });
    expect((await issue('--out', at('authority'))).code).toBe(1);
    expect((await revoke('--renew', '--out', at('authority'))).code).toBe(1);
    expect(readFileSync(at('authority'), 'utf8')).toBe(before);
  });

  it('takes the lengths of epochs and overlaps', async () => {
    await create('--epoch-days', '2', '--overlap-days', '0.5');
    expect(await inspect('authority')).toMatchObject({ epochMs: 2 * DAY_MS, overlapMs: DAY_MS / 2 });
  });
});

describe('plexus realm issue', () => {
  it('allows everything unless told otherwise, and says so', async () => {
    await create();
    const { code, out, err } = await issue();
    expect(code, err).toBe(0);
    expect(out).toContain(peer);
    expect(err).toContain('it may subscribe to # and publish on #');
    expect(statSync(at('token')).mode & 0o777).toBe(0o600);
    const token = await inspect('token');
    expect(token).toMatchObject({ realm: 'plant', peerId: peer, issue: 1, subscribe: ['#'], publish: ['#'] });
    expect(token).toMatchObject({ cluster: null, epochs: [0], problem: null });
    expect((token.notAfterMs as number) - (token.issuedAtMs as number)).toBe(7 * DAY_MS);
  });

  it('allows what it is told, for as long, and replaces the token before', async () => {
    await create();
    await issue();
    const rights = ['--subscribe', 'a/#', '--subscribe', 'b/+', '--publish', 'c'];
    const { code, err } = await issue(...rights, '--days', '0.25', '--cluster', 'north');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const token = await inspect('token');
    expect(token).toMatchObject({ issue: 2, subscribe: ['a/#', 'b/+'], publish: ['c'], cluster: 'north' });
    expect((token.notAfterMs as number) - (token.issuedAtMs as number)).toBe(DAY_MS / 4);
    expect((await issue('--publish', 'c', '--days', '1')).code).toBe(0);
    expect(await inspect('token')).toMatchObject({ issue: 3, subscribe: [], publish: ['c'] });
    expect(readdirSync(dir).sort()).toEqual(['authority', 'data', 'token']);
    expect((await issue('--out', at('data/realms/plant.token'))).code).toBe(0);
    expect(await inspect('data/realms/plant.token')).toMatchObject({ issue: 4 });
  });

  it('says if the token ends sooner than asked, and when another can be had', async () => {
    await create();
    const { err } = await issue('--publish', 'x', '--days', '100');
    const { createdAtMs } = (await inspect('authority')) as { createdAtMs: number };
    expect(await inspect('token')).toMatchObject({ notAfterMs: createdAtMs + 8 * DAY_MS });
    expect(err).toContain(new Date(createdAtMs + 6 * DAY_MS).toISOString());
  });

  it('gives no number twice when several run at once', async () => {
    await create();
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => issue('--out', at(`token-${i}`))));
    const issued = all.filter(({ code }) => code === 0);
    expect(await inspect('authority')).toMatchObject({ lastIssue: issued.length });
    for (const { code, err } of all) if (code !== 0) expect(err).toContain('in use');
  });
});

describe('plexus realm revoke', () => {
  it('writes lists with growing numbers, that keep what was revoked', async () => {
    await create();
    await issue();
    await issue();
    expect(await revoke('--issue', '1')).toMatchObject({ code: 0, err: '' });
    expect(await inspect('list')).toMatchObject({ kind: 'revocations', number: 1, issues: [1], peers: [] });
    await revoke('--peer', peer, '--max-age-days', '3');
    const list = await inspect('list');
    expect(list).toMatchObject({ number: 2, issues: [1], peers: [{ peerId: peer, upToIssue: 2 }], problem: null });
    expect((list.notAfterMs as number) - (list.issuedAtMs as number)).toBe(3 * DAY_MS);
    await revoke('--renew');
    expect(await inspect('list')).toMatchObject({ number: 3, issues: [1], peers: [{ peerId: peer, upToIssue: 2 }] });
  });

  it('fails for an issue number that was never given', async () => {
    await create();
    expect((await revoke('--issue', '1')).code).toBe(1);
    expect(await inspect('authority')).toMatchObject({ lastList: 0 });
  });
});

describe('plexus realm inspect', () => {
  it('shows no secrets, neither to people nor to programs', async () => {
    await create();
    await issue();
    await revoke('--renew');
    const authority = JSON.parse(readFileSync(at('authority'), 'utf8')) as Record<string, string>;
    const token = JSON.parse(readFileSync(at('token'), 'utf8')) as { secrets: { secret: string }[] };
    const secrets = [authority.keySeed!, authority.epochSeed!, ...token.secrets.map(({ secret }) => secret)];
    for (const file of ['authority', 'token', 'list']) {
      for (const more of [[], ['--json']]) {
        const { code, out, err } = await plexus(['realm', 'inspect', at(file), ...more]);
        expect(code, err).toBe(0);
        expect(out).toContain('plant');
        for (const secret of secrets) expect(out + err).not.toContain(secret);
      }
    }
  });

  it('fails for a token that somebody has changed', async () => {
    await create();
    await issue();
    const text = readFileSync(at('token'), 'utf8');
    const bytes = Buffer.from((JSON.parse(text) as { token: string }).token, 'base64url');
    // Of base58 as before: else it would not be a peer id.
    const changed = bytes.indexOf(peer) + 20;
    bytes.write(bytes[changed] === 0x32 ? '3' : '2', changed);
    writeFileSync(at('token'), text.replace(/"token": "[^"]+"/, `"token": "${bytes.toString('base64url')}"`));
    const { code, out, err } = await plexus(['realm', 'inspect', at('token')]);
    expect({ code, err }).toEqual({ code: 1, err: 'plexus: the signature is wrong\n' });
    expect(out).toContain('the signature is wrong');
  });

  it('fails for what is no file of a realm', async () => {
    writeFileSync(at('token'), '{}');
    expect((await plexus(['realm', 'inspect', at('token')])).code).toBe(1);
    expect((await plexus(['realm', 'inspect', at('nothing')])).code).toBe(1);
    expect((await plexus(['realm', 'inspect', dir])).code).toBe(1);
    expect((await issue('--authority', at('token'))).code).toBe(1);
  });
});

describe('wrong usage', () => {
  it.each([
    [['realm']],
    [['realm', 'create', 'plant']],
    [['realm', 'create', 'a b', '--out', '{dir}/x']],
    [['realm', 'create', 'plant', '--out', '{dir}/x', '--epoch-days', '0']],
    [['realm', 'create', 'plant', '--out', '{dir}/x', '--epoch-days', '1', '--overlap-days', '0.6']],
    [['realm', 'issue', '--authority', 'x', '--out', '{dir}/x']],
    [['realm', 'issue', '--authority', 'x', '--out', '{dir}/x', '--peer', 'somebody']],
    [['realm', 'issue', '--authority', 'x', '--out', '{dir}/x', '--peer', '{peer}', '--publish', 'a#']],
    [['realm', 'issue', '--authority', 'x', '--out', '{dir}/x', '--peer', '{peer}', '--subscribe', '$SYS/#']],
    [['realm', 'issue', '--authority', 'x', '--out', '{dir}/x', '--peer', '{peer}', '--days', '-1']],
    [['realm', 'issue', '--authority', 'x', '--out', '{dir}/x', '--peer', '{peer}', '--cluster', 'a b']],
    [['realm', 'revoke', '--authority', 'x', '--out', '{dir}/x']],
    [['realm', 'revoke', '--authority', 'x', '--out', '{dir}/x', '--renew', '--issue', '1']],
    [['realm', 'revoke', '--authority', 'x', '--out', '{dir}/x', '--issue', '0']],
    [['realm', 'inspect']],
    [['identity', 'extra']],
  ])('%j', async (args) => {
    const { code, out, err } = await plexus(args.map((arg) => arg.replace('{dir}', dir).replace('{peer}', peer)));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toBe('');
    expect(readdirSync(dir)).toEqual(['data']);
  });
});
