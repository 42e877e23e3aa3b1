import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import type { CloseReason } from '@plexus/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { hasOpenssl, TestAuthority } from '../../testing/certificates.ts';
import { itNeeds } from '../../testing/peers.ts';
import { streamPeer } from '../../testing/stream-peer.ts';
import type { AcceptConnection, Doorkeeper } from '../transport.ts';
import { describeListener } from './listener.conformance.ts';
import { TlsListener } from './tls.ts';
import { TLS_POLL_MS, TlsCredentials, type TlsFiles } from './tls-credentials.ts';
import type { TlsServing } from './tls-door.ts';

const BIND = { host: '127.0.0.1', port: 0, backlog: 16 };
const readFile = (path: string): string => readFileSync(path, 'utf8');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Door implements Doorkeeper {
  open = true;
  readonly refusals: [CloseReason, string][] = [];
  readonly details: string[] = [];

  admits(): boolean {
    return this.open;
  }
  refused(reason: CloseReason, address: string, detail: string): void {
    this.refusals.push([reason, address]);
    this.details.push(detail);
  }
}

function servingOf(files: TlsFiles, door: Doorkeeper = new Door(), limits: Partial<TlsServing> = {}): TlsServing {
  const credentials = new TlsCredentials(files);
  return { credentials, doorkeeper: door, handshakeTimeoutMs: 5000, maxHandshakes: 100, ...limits };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await pause(2);
  }
}

let authority: TestAuthority;
let files: TlsFiles;
if (hasOpenssl) {
  authority = new TestAuthority();
  const { cert, key } = authority.issue('first');
  files = { tlsCert: cert, tlsKey: key, tlsCa: null };
  afterAll(() => authority[Symbol.dispose]());
  describeListener({
    name: 'tls',
    make: (accept, port = 0) => new TlsListener({ ...BIND, port }, servingOf(files), accept),
    connect: (port) => streamPeer(connectTls(port), 'secureConnect'),
  });
}

function connectTls(port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  return tls.connect({ host: '127.0.0.1', port, ca: authority.pem, ...options });
}

/** How a connection fares that says something once it is open. @returns the answer's bytes, or the error's code */
async function attempt(port: number, options: tls.ConnectionOptions = {}): Promise<string> {
  const socket = connectTls(port, options);
  return new Promise((resolve) => {
    socket.on('secureConnect', () => socket.write('x'));
    socket.on('data', (data) => resolve(`${data}`));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve('closed'));
  }).finally(() => socket.destroy()) as Promise<string>;
}

const echo: AcceptConnection = (transport) => ({
  onData: (chunk) => transport.write([chunk], 1),
  onWritten() {},
  onClosed() {},
});

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function listening(serving: TlsServing): Promise<number> {
  const listener = new TlsListener(BIND, serving, echo);
  stops.push(() => listener.stopAccepting());
  return listener.start();
}

const needs = (name: string, test: () => Promise<void>) => itNeeds('openssl', hasOpenssl, name, test);

describe('TLS', () => {
  needs('is 1.2 or later', async () => {
    const port = await listening(servingOf(files));
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await attempt(port, old)).toMatch(/^ERR_SSL|^ECONNRESET/);
    expect(await attempt(port, { maxVersion: 'TLSv1.2' })).toBe('x');
    expect(await attempt(port, { minVersion: 'TLSv1.3' })).toBe('x');
  });

  needs('asks for a client certificate when there is an authority for them, and verifies it', async () => {
    using stranger = new TestAuthority('Another CA');
    const door = new Door();
    const port = await listening(servingOf({ ...files, tlsCa: authority.cert }, door));
    const pair = ({ cert, key }: { cert: string; key: string }) => ({ cert: readFile(cert), key: readFile(key) });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      expect(await attempt(port, { maxVersion })).not.toBe('x');
      expect(await attempt(port, { maxVersion, ...pair(stranger.issue('mallory')) })).not.toBe('x');
      expect(await attempt(port, { maxVersion, ...pair(authority.issue('ann')) })).toBe('x');
    }
    await until('refusals', () => door.refusals.length === 4);
    expect(door.refusals[0]).toEqual(['tls_failed', '127.0.0.1']);
  });

  needs('refuses an address before any handshake', async () => {
    const door = new Door();
    door.open = false;
    const port = await listening(servingOf(files, door));
    const socket = net.connect({ host: '127.0.0.1', port });
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => {});
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).toEqual([]);
    expect(door.refusals).toEqual([]);
    door.open = true;
    expect(await attempt(port)).toBe('x');
  });

  needs('counts what is no TLS, what is too slow, and what hangs up, as refused', async () => {
    const door = new Door();
    const port = await listening(servingOf(files, door, { handshakeTimeoutMs: 100 }));
    const plain = net.connect({ host: '127.0.0.1', port }, () =>
      plain.write('\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00'),
    );
    plain.on('error', () => {});
    await until('plain refused', () => door.refusals.length === 1);
    const silent = net.connect({ host: '127.0.0.1', port });
    silent.on('error', () => {});
    await until('silent refused', () => door.refusals.length === 2);
    const hasty = net.connect({ host: '127.0.0.1', port }, () => hasty.destroy());
    await until('hasty refused', () => door.refusals.length === 3);
    expect(new Set(door.refusals.map(([reason]) => reason))).toEqual(new Set(['tls_failed']));
    expect(door.details[1]).toMatch(/timeout/i);
    expect(await attempt(port)).toBe('x');
  });

  needs('lets the oldest handshake go when there are too many', async () => {
    const door = new Door();
    const port = await listening(servingOf(files, door, { maxHandshakes: 3 }));
    const closed: number[] = [];
    for (let i = 0; i < 5; i++) {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.on('error', () => {}).on('close', () => closed.push(i));
      stops.push(() => socket.destroy());
      await new Promise((resolve) => socket.once('connect', resolve));
    }
    await until('two are gone', () => closed.length === 2);
    expect(closed).toEqual([0, 1]);
    expect(await attempt(port)).toBe('x');
  });
});

describe('changed TLS files', () => {
  let current: TlsFiles;
  const log: string[] = [];
  const logger = {
    info: (_details: object, message: string) => void log.push(message),
    error: (details: object) => void log.push(`${(details as { err: Error }).err.message}`),
  };
  beforeAll(() => {
    if (!hasOpenssl) return;
    current = {
      tlsCert: join(authority.directory, 'current.pem'),
      tlsKey: join(authority.directory, 'current.key'),
      tlsCa: null,
    };
  });
  const put = (name: string): void => {
    const { cert, key } = authority.issue(name);
    copyFileSync(cert, `${current.tlsCert}.new`);
    renameSync(`${current.tlsCert}.new`, current.tlsCert);
    copyFileSync(key, current.tlsKey);
  };
  const nameAt = async (port: number): Promise<string> => {
    const socket = connectTls(port);
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return `${CN}`;
  };

  needs('are used for new connections, while the old ones go on; broken ones are not', async () => {
    put('before');
    const clock = new FakeClock();
    const serving = servingOf(current);
    serving.credentials.watch(clock, logger);
    const port = await listening(serving);
    const old = await streamPeer(connectTls(port), 'secureConnect');
    stops.push(() => old.destroy());
    expect(await nameAt(port)).toBe('before');
    clock.advance(TLS_POLL_MS * 3);
    expect(log).toEqual([]);

    put('after');
    clock.advance(TLS_POLL_MS);
    expect(log.splice(0)).toEqual(['TLS certificate reloaded']);
    expect(await nameAt(port)).toBe('after');

    writeFileSync(current.tlsCert, 'rubbish');
    clock.advance(TLS_POLL_MS * 3);
    expect(log.length, 'said once').toBe(1);
    expect(log.splice(0)[0]).toContain('tlsCert');
    expect(await nameAt(port)).toBe('after');

    put('again');
    clock.advance(TLS_POLL_MS);
    expect(await nameAt(port)).toBe('again');
    old.write(Buffer.from('still here'));
    await until('the old connection', () => old.received().toString() === 'still here');
  });

  needs('with other authorities do not let sessions of the old ones be resumed', async () => {
    using other = new TestAuthority('Other CA');
    const ca = join(authority.directory, 'clients.pem');
    copyFileSync(authority.cert, ca);
    const serving = servingOf({ ...files, tlsCa: ca });
    const port = await listening(serving);
    const ann = authority.issue('ann');
    const identity = { cert: readFile(ann.cert), key: readFile(ann.key) };
    const first = connectTls(port, identity);
    const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
    first.destroy();
    expect(await attempt(port, { ...identity, session })).toBe('x');
    copyFileSync(other.cert, ca);
    serving.credentials.poll(logger);
    expect(await attempt(port, { ...identity, session })).not.toBe('x');
  });
});

describe('TLS files', () => {
  const faultOf = (given: TlsFiles): string => {
    try {
      new TlsCredentials(given);
    } catch (error) {
      expect((error as { code: string }).code).toBe('config_invalid');
      return (error as Error).message;
    }
    return 'accepted';
  };

  it('that are missing are an error that names the option', () => {
    expect(faultOf({ tlsCert: '/nowhere.pem', tlsKey: '/nowhere.key', tlsCa: null })).toMatch(
      /tlsCert is ".nowhere.pem"/,
    );
  });

  needs('that are wrong, or do not belong together, are an error that names the option', async () => {
    expect(faultOf({ ...files, tlsKey: '/nowhere.key' })).toMatch(/tlsKey is/);
    expect(faultOf({ ...files, tlsCa: '/nowhere.ca' })).toMatch(/tlsCa is/);
    expect(faultOf({ ...files, tlsCert: files.tlsKey })).toMatch(/tlsCert is/);
    expect(faultOf({ ...files, tlsKey: files.tlsCert })).toMatch(/tlsKey is/);
    expect(faultOf({ ...files, tlsCa: files.tlsKey })).toMatch(/tlsCa is/);
    expect(faultOf({ ...files, tlsKey: authority.issue('other').key })).toMatch(
      /tlsKey is .* the key of the certificate/,
    );
  });
});
