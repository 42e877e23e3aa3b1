import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IClientOptions, MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectPeer, parsePlexusUrl } from '../src/index.ts';
import { ToyNode } from './toy-node.ts';

let node: ToyNode;
beforeAll(async () => {
  node = await ToyNode.start();
});
afterAll(() => node.stop());

const open: MqttClient[] = [];
afterEach(() => Promise.all(open.splice(0).map((client) => client.endAsync(true))));

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

type Happening = 'connect' | 'close' | 'error';

/** @returns what comes with it */
function next(client: MqttClient, happening: Happening): Promise<unknown> {
  return new Promise((resolve) => client.once(happening, (detail?: unknown) => resolve(detail)));
}

function start(url: string, options: IClientOptions = {}): MqttClient {
  const client = connectPeer(url, { reconnectPeriod: 0, ...options });
  open.push(client);
  return client;
}

async function connected(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = start(url, options);
  await next(client, 'connect');
  return client;
}

const DIFFERENT_PEER = '12D3KooWRtjpqvufbokg4WR22448LPwVs6bnETfgYDCU6Bg4pGJU';

describe.each(['host and port', 'TCP', 'QUIC'] as const)('a client at an address with %s', (kind) => {
  const url = () =>
    kind === 'QUIC'
      ? `plexus://${node.quic}`
      : kind === 'TCP'
        ? `plexus://${node.tcp}`
        : `plexus://127.0.0.1:${node.port}`;

  it('connects, and has messages of every size both ways', async () => {
    const client = await connected(url());
    const received: Buffer[] = [];
    client.on('message', (_topic, payload) => received.push(payload));
    await client.subscribeAsync('t');
    const payloads = ['small', 'x'.repeat(100_000), Buffer.alloc(8_000_000, 'large')].map((one) => Buffer.from(one));
    for (const payload of payloads) await client.publishAsync('t', payload, { qos: 1 });
    for (let i = 0; i < 500; i++) client.publish('t', `${i}`);
    await until('everything', () => received.length === 503);
    expect(received.slice(0, 3).every((payload, i) => payload.equals(payloads[i]!))).toBe(true);
    expect(received.slice(3).map(String)).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
  });

  it('says goodbye, and leaves nothing open', async () => {
    await until('the connections of others are gone', () => node.connections === 0);
    const well = node.endedWell;
    const [one, two] = [await connected(url()), await connected(url())];
    await one.endAsync();
    await until('the first stream has ended', () => node.endedWell === well + 1);
    await two.publishAsync('t', 'still here', { qos: 1 });
    await two.endAsync();
    await until('both streams have ended', () => node.endedWell === well + 2);
    await until('no connection is left', () => node.connections === 0);
  });

  it('hears that the node has hung up, and connects again if it may', async () => {
    const client = await connected(url(), { reconnectPeriod: 10 });
    const closed = next(client, 'close');
    node.streams.at(-1)!.abort(new Error('hung up'));
    await closed;
    await next(client, 'connect');
    await client.publishAsync('t', 'again', { qos: 1 });
  });
});

describe('a plexus: URL', () => {
  it('holds credentials, which options override', async () => {
    await connected(`plexus://an%20n:p%40ss@127.0.0.1:${node.port}`);
    expect(node.connects.at(-1)).toMatchObject({ username: 'an n', password: Buffer.from('p@ss') });
    await connected(`plexus://ann:pass@127.0.0.1:${node.port}`, { username: 'bob', clientId: 'c' });
    expect(node.connects.at(-1)).toMatchObject({ username: 'bob', clientId: 'c' });
  });

  it('is understood with and without a port, by name, IPv4 and IPv6', () => {
    const address = (url: string) => parsePlexusUrl(url).address.toString();
    expect(address('plexus://example.org')).toBe('/dns/example.org/tcp/9443');
    expect(address('plexus://192.0.2.1:1')).toBe('/ip4/192.0.2.1/tcp/1');
    expect(address('plexus://[2001:db8::1]')).toBe('/ip6/2001:db8::1/tcp/9443');
    expect(address(`plexus:///dns4/example.org/tcp/1/p2p/${DIFFERENT_PEER}`)).toMatch(/^\/dns4.*\/p2p\/12D3/);
    expect(parsePlexusUrl('plexus:///ip4/192.0.2.1/udp/1/quic-v1').transport).toBe('quic');
  });

  it.each([
    'mqtt://example.org',
    'plexus:///nonsense',
    'plexus:///ip4/192.0.2.1',
    'plexus:///ip4/1.2.3.4/tcp/1/ws',
    'x',
  ])('is refused if it is none: %s', (url) => {
    expect(() => connectPeer(url)).toThrow(TypeError);
  });
});

describe('a client that cannot connect', () => {
  it('says that nobody listens', async () => {
    const client = start('plexus://127.0.0.1:1');
    expect(await next(client, 'error')).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('is not talked into another node than the one it was to reach', async () => {
    const before = node.connects.length;
    const client = start(`plexus:///ip4/127.0.0.1/tcp/${node.port}/p2p/${DIFFERENT_PEER}`);
    await next(client, 'close');
    expect(client.connected).toBe(false);
    expect(node.connects.length).toBe(before);
  });

  it('can be ended while it tries', async () => {
    const client = start('plexus://192.0.2.1:9443');
    await client.endAsync(true);
  });
});

it('does not keep a program running once its clients have ended', async () => {
  const script = `
    import { connectPeer } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)};
    const client = connectPeer('plexus://127.0.0.1:${node.port}', { reconnectPeriod: 0 });
    client.on('connect', () => client.publish('t', 'hello', { qos: 1 }, () => client.end()));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([0, null]);
});
