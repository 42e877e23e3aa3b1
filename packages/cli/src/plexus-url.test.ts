import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectPeer } from '@plexus/client-peer';
import { createLogger, loadConfig, type PlexusNode, startNode } from '@plexus/server';
import { type IClientOptions, type MqttClient, connect as mqttConnect } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

let dataDir: string;
let node: PlexusNode;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'plexus-url-'));
  const flags = { mqttPort: '0', httpPort: '0', peerPort: '0', dataDir };
  const config = loadConfig({ flags, env: {}, readFile: () => '' });
  node = await startNode(config, { log: createLogger({ level: 'silent' }) });
});
afterAll(async () => {
  await node.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const open: MqttClient[] = [];
afterEach(() => Promise.all(open.splice(0).map((client) => client.endAsync(true))));

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function ready(client: MqttClient) {
  open.push(client);
  const received: [string, Buffer][] = [];
  client.on('message', (topic, payload) => void received.push([topic, payload]));
  await new Promise((resolve) => client.once('connect', resolve));
  return { client, received };
}

const address = (transport: '/tcp/' | '/quic-v1'): string =>
  `plexus://${node.info.peerAddresses.find((one) => one.includes(transport))}`;

describe.each([
  ['a port', () => `plexus://127.0.0.1:${node.info.peerPort}`],
  ['TCP', () => address('/tcp/')],
  ['QUIC', () => address('/quic-v1')],
])('a client of a real node at a plexus: URL with %s', (name, url) => {
  const options: IClientOptions = { protocolVersion: 5, reconnectPeriod: 0 };

  it('has messages of all QoS from and to clients on other listeners', async () => {
    const peer = await ready(connectPeer(url(), options));
    const plain = await ready(mqttConnect(`mqtt://127.0.0.1:${node.info.mqttPort}`, options));
    await peer.client.subscribeAsync(`${name}/in/#`, { qos: 2 });
    await plain.client.subscribeAsync(`${name}/out/#`, { qos: 2 });
    const large = Buffer.alloc(500_000, 'large');
    for (const qos of [0, 1, 2] as const) {
      await peer.client.publishAsync(`${name}/out/${qos}`, large, { qos });
      await plain.client.publishAsync(`${name}/in/${qos}`, large, { qos });
    }
    await until('all messages', () => peer.received.length + plain.received.length === 6);
    for (const { received } of [peer, plain]) expect(received.every(([, payload]) => payload.equals(large))).toBe(true);
  });

  it('gets everything of a fast publisher, in order', async () => {
    const subscriber = await ready(connectPeer(url(), options));
    await subscriber.client.subscribeAsync(`${name}/fast`, { qos: 1 });
    const publisher = await ready(connectPeer(url(), options));
    const published = Array.from({ length: 5000 }, (_, i) =>
      publisher.client.publishAsync(`${name}/fast`, `${i} ${'x'.repeat(200)}`, { qos: 1 }),
    );
    await Promise.all(published);
    await until('all messages', () => subscriber.received.length === 5000);
    expect(subscriber.received.every(([, payload], i) => Number.parseInt(`${payload}`, 10) === i)).toBe(true);
  });

  it('has its will published if it is gone without a word, and not if it said goodbye', async () => {
    const watcher = await ready(mqttConnect(`mqtt://127.0.0.1:${node.info.mqttPort}`, options));
    await watcher.client.subscribeAsync(`${name}/will/+`);
    const will = (id: string): IClientOptions => ({
      ...options,
      will: { topic: `${name}/will/${id}`, payload: Buffer.from(id), qos: 1, retain: false },
    });
    const polite = await ready(connectPeer(url(), will('polite')));
    const rude = await ready(connectPeer(url(), will('rude')));
    await polite.client.endAsync();
    rude.client.stream.destroy();
    await until('a will', () => watcher.received.length > 0);
    expect(watcher.received.map(([, payload]) => `${payload}`)).toEqual(['rude']);
  });
});
