import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from './config.ts';
import { createLogger } from './lib/log.ts';
import { startNode } from './node.ts';
import { hasOpenssl, TestAuthority } from './testing/certificates.ts';
import { canRun, itNeeds, start } from './testing/peers.ts';
import { type RealNode, realNode } from './testing/real-node.ts';

const needs = (name: string, test: () => Promise<void>) => itNeeds('openssl', hasOpenssl, name, test);

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await sleep(5);
  }
}

let authority: TestAuthority;
let plain: RealNode;
let secure: RealNode;
let flags: Record<string, string>;
beforeAll(async () => {
  plain = await realNode();
  if (!hasOpenssl) return;
  authority = new TestAuthority();
  const { cert, key } = authority.issue('node');
  flags = { mqttsPort: '0', httpTls: '1', tlsCert: cert, tlsKey: key };
  secure = await realNode(flags);
});
afterAll(async () => {
  await plain[Symbol.asyncDispose]();
  if (!hasOpenssl) return;
  await secure[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

/** `url` of a listener of a node. */
const urls = {
  tls: ({ node }: RealNode) => `mqtts://127.0.0.1:${node.info.mqttsPort}`,
  ws: ({ node }: RealNode) => `ws://127.0.0.1:${node.info.httpPort}/mqtt`,
  wss: ({ node }: RealNode) => `wss://127.0.0.1:${node.info.httpPort}/mqtt`,
};

const connect = (url: string, options: IClientOptions = {}): Promise<MqttClient> =>
  connectAsync(url, { reconnectPeriod: 0, ...(url.includes('s:') && { ca: authority?.pem }), ...options });

function getSecure(node: RealNode, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: node.node.info.httpPort, path, ca: authority.pem, agent: false };
    get(options, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve(body));
    }).on('error', reject);
  });
}

describe.each([4, 5] as const)('MQTT.js, version %i', (protocolVersion) => {
  for (const name of ['tls', 'ws', 'wss'] as const) {
    const test = name === 'ws' ? it : needs;
    test(`publishes and receives over ${name}, small and large`, async () => {
      const node = name === 'ws' ? plain : secure;
      const url = urls[name](node);
      const subscriber = await connect(url, { protocolVersion, clientId: `${name}-sub` });
      const publisher = await connect(url, { protocolVersion });
      const received: string[] = [];
      subscriber.on('message', (_topic, payload) => received.push(`${payload.length} ${payload.subarray(0, 3)}`));
      await subscriber.subscribeAsync('t/#', { qos: 2 });
      const sent: string[] = [];
      for (const [i, bytes] of [3, 200, 5000, 70_000, 900_000].entries()) {
        const qos = (i % 3) as 0 | 1 | 2;
        await publisher.publishAsync(`t/${i}`, Buffer.alloc(bytes, `${i}`), { qos });
        sent.push(`${bytes} ${`${i}`.repeat(3)}`);
      }
      for (let i = 0; i < 500; i++) publisher.publish('t/many', `${i}`.padStart(3, '0'));
      await until('all of them', () => received.length === 505);
      expect(received.slice(0, 5).sort()).toEqual(sent.sort());
      expect(received.slice(5)).toEqual(Array.from({ length: 500 }, (_, i) => `3 ${`${i}`.padStart(3, '0')}`));
      const path = `/api/v1/clients/default/${name}-sub`;
      const listing =
        name === 'ws'
          ? await (await fetch(`http://127.0.0.1:${node.node.info.httpPort}${path}`)).text()
          : await getSecure(node, path);
      expect(JSON.parse(listing)).toMatchObject({ listener: name, remoteAddress: '127.0.0.1' });
      await Promise.all([subscriber.endAsync(), publisher.endAsync()]);
    });
  }
});

describe('a node with TLS', () => {
  const mosquitto = canRun('mosquitto_pub', '--help');
  itNeeds('mosquitto-clients', hasOpenssl && mosquitto, 'talks to mosquitto_pub and mosquitto_sub', async () => {
    const common = [
      '-h',
      '127.0.0.1',
      '-p',
      `${secure.node.info.mqttsPort}`,
      '--cafile',
      authority.cert,
      '-t',
      'mosquitto',
    ];
    const pub = start('mosquitto_pub', [...common, '-m', 'over TLS', '-q', '1', '-r']);
    expect(await pub.done).toMatchObject({ code: 0, err: '' });
    expect((await start('mosquitto_sub', [...common, '-C', '1', '-W', '10']).done).out).toBe('over TLS\n');
  });

  needs('says its port in the API, and counts what fails', async () => {
    const socket = tls.connect({ host: '127.0.0.1', port: secure.node.info.mqttsPort! });
    await new Promise((resolve) => socket.on('error', resolve));
    const read = async () => JSON.parse(await getSecure(secure, '/api/v1/node'));
    let stats = (await read()).stats;
    for (let i = 0; i < 100 && stats.refused.tls_failed === undefined; i++) {
      await sleep(10);
      stats = (await read()).stats;
    }
    expect(stats.refused.tls_failed).toBe(1);
    expect((await read()).mqttsPort).toBe(secure.node.info.mqttsPort);
  });

  needs('limits connections of an address on each of its ports, each attempt counted once', async () => {
    await using node = await realNode({ ...flags, connectionRatePerAddress: '1', connectionBurstPerAddress: '2' });
    const clients = [await connect(urls.wss(node)), await connect(urls.tls(node))];
    await expect(connect(urls.tls(node), { connectTimeout: 2000 })).rejects.toThrow();
    await expect(connect(urls.wss(node), { connectTimeout: 2000 })).rejects.toThrow();
    await Promise.all(clients.map((client) => client.endAsync(true)));
  });

  needs('takes a renewed certificate over under traffic', async () => {
    const [cert, key] = [join(authority.directory, 'live.pem'), join(authority.directory, 'live.key')];
    const put = (name: string): void => {
      const issued = authority.issue(name);
      for (const [from, to] of [
        [issued.cert, cert],
        [issued.key, key],
      ] as const) {
        copyFileSync(from, `${to}.new`);
        renameSync(`${to}.new`, to);
      }
    };
    put('old');
    await using node = await realNode({ ...flags, tlsCert: cert, tlsKey: key });
    const clients = [await connect(urls.tls(node)), await connect(urls.wss(node))];
    const counts = [0, 0];
    for (const [i, client] of clients.entries()) {
      client.on('message', () => counts[i]!++);
      client.on('close', () => (counts[i] = Number.NaN));
      await client.subscribeAsync('traffic');
    }
    const traffic = setInterval(() => clients[0]!.publish('traffic', 'x'), 5);
    put('new');
    const nameAt = async (port: number) => {
      const socket = tls.connect({ host: '127.0.0.1', port, ca: authority.pem });
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    const { mqttsPort, httpPort } = node.node.info;
    for (let i = 0; i < 200 && (await nameAt(mqttsPort!)) !== 'new'; i++) await sleep(50);
    expect(await nameAt(mqttsPort!)).toBe('new');
    expect(await nameAt(httpPort!)).toBe('new');
    const before = [...counts];
    await until('more traffic', () => counts.every((count, i) => count > before[i]! + 5));
    clearInterval(traffic);
    for (const client of clients) await client.endAsync(true);
  });

  needs('does not start with files that are wrong, and leaves nothing behind', async () => {
    const config = loadConfig({
      flags: { ...flags, tlsKey: authority.cert, dataDir: '/nowhere/at/all' },
      env: {},
      readFile: () => '',
    });
    const starting = startNode(config, { log: createLogger({ level: 'silent' }) });
    await expect(starting).rejects.toMatchObject({ code: 'config_invalid', details: { key: 'tlsKey' } });
  });
});

it('a drain tells clients over WebSocket, and is quick', async () => {
  const node = await realNode();
  const client = await connect(urls.ws(node), { protocolVersion: 5 });
  const told = new Promise<number | undefined>((resolve) =>
    client.once('disconnect', ({ reasonCode }) => resolve(reasonCode)),
  );
  const info = JSON.parse(readFileSync(join(node.dataDir, 'node.json'), 'utf8'));
  expect(info).toMatchObject({ mqttsPort: null, httpPort: node.node.info.httpPort });
  const begun = performance.now();
  await node.node.drain();
  expect(performance.now() - begun).toBeLessThan(3000);
  expect(await told).toBe(0x8b);
  await client.endAsync(true);
  await node[Symbol.asyncDispose]();
});
