import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Io } from './io.ts';
import { lines } from './lines.ts';
import { run } from './program.ts';

interface Result {
  code: number;
  out: string;
  err: string;
}

async function plexus(args: string[], stdin = '', env: Io['env'] = {}): Promise<Result> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run(args, { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

// Nothing listens on port 1 of this machine.
const NOBODY = '127.0.0.1:1';

describe('exit codes', () => {
  it.each([
    [['--help'], 0],
    [['--version'], 0],
    [['pub', '--help'], 0],
    [[], 2],
    [['unheard-of'], 2],
    [['status', '--unheard-of'], 2],
    [['status', 'extra'], 2],
    [['status', '--url', 'nonsense'], 2],
    [['status', '--url', `http://${NOBODY}`], 1],
    [['clients', '--url', `http://${NOBODY}`], 1],
    [['clients', 'list', '--url', `http://${NOBODY}`], 1],
    [['clients', 'kick', 'default'], 2],
    [['clients', 'kick', 'default', 'x', '--url', `http://${NOBODY}`], 1],
    [['sessions', '--url', `http://${NOBODY}`], 1],
    [['pub', '-m', 'x'], 2],
    [['pub', '-t', 'a'], 2],
    [['pub', '-t', 'a', '-m', 'x', '-l'], 2],
    [['pub', '-t', 'a/#', '-m', 'x'], 2],
    [['pub', '-t', 'a', '-m', 'x', '-q', '3'], 2],
    [['pub', '-t', 'a', '-m', 'x', '--url', 'gopher://x'], 2],
    [['pub', '-t', 'a', '-m', 'x', '--url', `mqtt://${NOBODY}`], 1],
    [['pub', '-t', 'a', '-m', 'x', '--url', 'plexus://'], 2],
    [['pub', '-t', 'a', '-m', 'x', '--url', `plexus://${NOBODY}`], 1],
    [['pub', '-t', 'a', '-f', '/nowhere/at/all'], 1],
    [['sub'], 2],
    [['sub', '-t', 'a/#/b'], 2],
    [['sub', '-t', 'a', '-n', '0'], 2],
    [['sub', '-t', 'a', 'b#'], 2],
    [['sub', '-t', 'a', '--url', `mqtt://${NOBODY}`], 1],
    [['store'], 2],
    [['store', 'append', 's'], 2],
    [['store', 'append', 's', '--type', 't', '--data', '{'], 2],
    [['store', 'append', 's', '--type', 't', '--data', '1', '-l'], 2],
    [['store', 'append', 's', '--type', 't', '-l', '--id', 'x'], 2],
    [['store', 'append', 's', '--type', 't', '--expected-version', 'some'], 2],
    [['store', 'append', 's', '--type', 't', '-f', '/nowhere/at/all'], 1],
    [['store', 'append', 's', '--type', 't', '--url', `http://${NOBODY}`], 1],
    [['store', 'read', '--from', 'x'], 2],
    [['store', 'read', '--limit', '0'], 2],
    [['store', 'read', '--direction', 'up'], 2],
    [['store', 'read', 's', '--streams', 'x*'], 2],
    [['store', 'read', '--url', `http://${NOBODY}`], 1],
    [['store', 'subscribe', '--from', 'then'], 2],
    [['store', 'subscribe', '--url', `http://${NOBODY}`], 1],
    [['store', 'streams', '--url', `http://${NOBODY}`], 1],
    [['store', 'stats', '--url', `http://${NOBODY}`], 1],
    [['store', 'verify', '--url', `http://${NOBODY}`], 1],
    [['store', 'verify', '--file', 'x', '--store', 'default'], 2],
    [['peers', '--url', `http://${NOBODY}`], 1],
    [['peers', 'remove'], 2],
    [['peers', 'remove', 'x', '--url', `http://${NOBODY}`], 1],
    [['cluster'], 2],
    [['cluster', 'status', '--url', `http://${NOBODY}`], 1],
    [['cluster', 'leave', '--url', `http://${NOBODY}`], 1],
    [['cluster', 'secret', 'extra'], 2],
    [['mesh'], 2],
    [['mesh', 'status', '--url', `http://${NOBODY}`], 1],
    [['mesh', 'lookup'], 2],
    [['mesh', 'lookup', 'a', '--url', `http://${NOBODY}`], 1],
    [['mesh', 'advertisements', '--url', `http://${NOBODY}`], 1],
    [['mesh', 'pending', '--url', `http://${NOBODY}`], 1],
    [['passwd'], 2],
  ])('%j: %i', async (args, code) => {
    const result = await plexus(args);
    expect(result.code, result.err).toBe(code);
    if (code === 0) expect(result.out).not.toBe('');
    else expect(result.err).not.toBe('');
  });

  it('takes the URL from the environment', async () => {
    const { code, err } = await plexus(['pub', '-t', 'a', '-m', 'x'], '', { PLEXUS_URL: `mqtt://${NOBODY}` });
    expect(code).toBe(1);
    expect(err).toContain(NOBODY);
  });
});

describe('start', () => {
  it('names what is wrong with an option, and exits 2', async () => {
    const { code, err } = await plexus(['start', '--mqtt-port', '99999']);
    expect(code).toBe(2);
    for (const part of ['--mqtt-port', 'mqttPort', '99999', '65535']) expect(err).toContain(part);
    expect((await plexus(['start', '--unheard-of'])).code).toBe(2);
    expect((await plexus(['start'], '', { PLEXUS_MAX_CLIENTS: 'many' })).err).toContain('PLEXUS_MAX_CLIENTS');
    expect((await plexus(['start', '--config', '/nowhere.yaml'])).code).toBe(2);
  });

  it('has a flag for every option', async () => {
    const { code, out } = await plexus(['start', '--help']);
    expect(code).toBe(0);
    for (const flag of ['--data-dir', '--allow-anonymous', '--no-allow-anonymous', '--http-hosts', '--queue-full']) {
      expect(out).toContain(flag);
    }
    expect(out).toContain('--no-quic');
    expect(out).not.toContain('--users');
    expect(out).not.toContain('--cluster-secret ');
  });
});

describe('passwd', () => {
  it('prints a hash of the first line of standard input, and how to use it', async () => {
    const { code, out, err } = await plexus(['passwd', '--name', 'ann', '--realm', 'plant'], 'secret\nmore\n');
    expect(code).toBe(0);
    expect(out).toMatch(/^scrypt\$16384\$8\$5\$[\w-]+\$[\w-]+\n$/);
    expect(err).toContain(`passwordHash: ${out.trim()}`);
    expect(err).toContain('realm: "plant"');
  });
});

describe('cluster secret', () => {
  it('prints another one each time', async () => {
    const [one, other] = [await plexus(['cluster', 'secret']), await plexus(['cluster', 'secret'])];
    expect(one).toMatchObject({ code: 0, err: '' });
    // 256 bits, as base64 or hexadecimal.
    expect(one.out).toMatch(/^(?:[\w-]{43}|[0-9a-f]{64})\n$/);
    expect(other.out).not.toBe(one.out);
  });
});

describe('lines of standard input', () => {
  it.each([
    ['a\nb\n', ['a', 'b']],
    ['a\nb', ['a', 'b']],
    ['a\r\n\r\nb', ['a', '', 'b']],
    ['\n', ['']],
    ['', []],
  ])('%j', async (text, expected) => {
    for (let size = 1; size <= text.length + 1; size++) {
      const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      const got: string[] = [];
      for await (const line of lines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))))) {
        got.push(Buffer.from(line).toString());
      }
      expect(got).toEqual(expected);
    }
  });
});
