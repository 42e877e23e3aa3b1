import net from 'node:net';
import { encodeConnect } from '@plexus/protocol';
import { describe, expect, it, vi } from 'vitest';
import { connectPacket, publishPacket } from '../../src/testing/packets.ts';
import { itNeeds } from '../../src/testing/peers.ts';
import { NodeProcess, until } from './node-process.ts';
import { RawClient } from './raw-client.ts';
import { Witness } from './witness.ts';

// Of work that takes seconds here; a machine may be slow, or busy with other tests.
vi.setConfig({ testTimeout: 90_000 });

const MiB = 1024 * 1024;
const CLIENTS = 10_000;
/** Connections that are shaking hands at once while a test builds up its clients. */
const AT_ONCE = 200;

/** Sockets that a process may have. Node has raised its own limit to this when it started. */
function openFilesLimit(): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { hard: number | string } } };
  const hard = report.userLimits?.open_files?.hard;
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

async function connectMany(port: number, count: number, connected: (client: RawClient, i: number) => Promise<unknown>) {
  const clients: RawClient[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const client = await RawClient.connect(port, `many-${i}`, { version: i % 2 === 0 ? 5 : 4 });
      clients[i] = client;
      await connected(client, i);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return clients;
}

/** A socket that only opens. */
function stranger(port: number): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1' });
  return socket.on('error', () => {});
}

describe('a node with very many connections', () => {
  itNeeds(
    `a limit of ${CLIENTS + 1000} open files`,
    openFilesLimit() > CLIENTS + 1000,
    '10,000 clients are connected, subscribed and receiving at once, and none misses a message',
    async () => {
      await using node = await NodeProcess.start({ maxClients: '11000' });
      const rounds = 10;
      const clients = await connectMany(node.mqttPort, CLIENTS, (client, i) =>
        client.subscribe(['everybody', `one/${i}`], i % 3 === 0 ? 1 : 0),
      );
      const publisher = await RawClient.connect(node.mqttPort, 'publisher');
      for (let round = 1; round <= rounds; round++) {
        publisher.publish('everybody', `round ${round}`, { qos: 1 });
        for (let i = round - 1; i < CLIENTS; i += rounds) publisher.publish(`one/${i}`, 'you', { qos: 1 });
        await until('a round', 30_000, () => clients.every((client) => client.messages >= round));
      }
      const expected = CLIENTS * (rounds + 1);
      const total = (): number => clients.reduce((sum, client) => sum + client.messages, 0);
      await until('every message', 30_000, () => total() >= expected);
      expect(total()).toBe(expected);
      expect(clients.filter((client) => client.closed)).toEqual([]);
      expect(await node.metric('plexus_connections')).toBe(CLIENTS + 1);
      for (const client of clients) client.vanish();
      await until('all are gone', 20_000, async () => (await node.metric('plexus_connections')) === 1);
      expect((await node.sample()).sockets).toBeLessThan(20);
    },
  );

  it('takes 2,000 new ones per second for seconds, and others go on', async () => {
    await using node = await NodeProcess.start();
    const witness = await Witness.start(node.mqttPort, 5);
    const outcomes = await storm(node.mqttPort, 2000, 3);
    expect(outcomes).toEqual({ accepted: 6000, refused: 0 });
    const seen = await witness.stop();
    expect([seen.received, seen.disordered]).toEqual([seen.sent, 0]);
    // Coarse on purpose: `npm run stalls` has the number.
    expect((await node.delay()).maxMs).toBeLessThan(2000);
    await until('all are gone', 20_000, async () => (await node.metric('plexus_connections')) === 0);
  });

  it('refuses what is over the configured rate, and nothing else', async () => {
    await using node = await NodeProcess.start({ connectionRatePerAddress: '100', connectionBurstPerAddress: '500' });
    const witness = await Witness.start(node.mqttPort, 5);
    const { accepted, refused } = await storm(node.mqttPort, 2000, 1);
    expect(accepted + refused).toBe(2000);
    expect(accepted).toBeGreaterThanOrEqual(498);
    // The burst, and what the rate gives back during a storm of unknown length on a slow machine.
    expect(refused).toBeGreaterThan(0);
    expect(await node.metric('plexus_refused_connections_total{reason="connection_rate_exceeded"}')).toBe(refused);
    const seen = await witness.stop();
    expect([seen.received, seen.disordered]).toEqual([seen.sent, 0]);
  });
});

describe('connections that give nothing', () => {
  it('are closed after connectTimeoutMs: half-open ones, slow ones, byte by byte', async () => {
    await using node = await NodeProcess.start({ connectTimeoutMs: '1500' });
    const witness = await Witness.start(node.mqttPort, 5);
    const before = await node.sample();
    const silent = Array.from({ length: 1000 }, () => stranger(node.mqttPort));
    const slow = Array.from({ length: 500 }, () => stranger(node.mqttPort));
    const connect = encodeConnect(connectPacket(5, 'slow', { username: 'u', password: new Uint8Array(1000) }));
    let at = 0;
    const drip = setInterval(() => {
      const byte = connect.subarray(at, ++at);
      for (const socket of slow) if (!socket.destroyed) socket.write(byte);
    }, 100);
    try {
      const all = [...silent, ...slow];
      await until('all are closed', 20_000, () => all.every((socket) => socket.destroyed));
    } finally {
      clearInterval(drip);
    }
    expect(await node.metric('plexus_closed_connections_total{reason="connect_timeout"}')).toBe(1500);
    const seen = await witness.stop();
    expect([seen.received, seen.disordered]).toEqual([seen.sent, 0]);
    const after = await node.sample();
    expect(after.sockets).toBeLessThan(20);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(20 * MiB);
  });

  it('hold a bounded amount with large packets that they never finish', async () => {
    await using node = await NodeProcess.start({ maxIncompleteBytes: `${16 * MiB}` });
    const witness = await Witness.start(node.mqttPort, 5);
    const before = await node.sample();
    const large = publishPacket(5, 't', new Uint8Array(1_000_000));
    const slow: RawClient[] = [];
    for (let i = 0; i < 300; i++) {
      const client = await RawClient.connect(node.mqttPort, `slow-${i}`);
      client.send(large.subarray(0, 500_000));
      slow.push(client);
    }
    const drip = setInterval(() => {
      for (const client of slow) client.send(large.subarray(500_000, 500_001));
    }, 100);
    try {
      await until('the oldest are closed', 20_000, () => slow.filter(({ closed }) => !closed).length <= 33);
      await until('memory is back', 20_000, async () => {
        const { arrayBuffers } = await node.sample();
        return arrayBuffers - before.arrayBuffers < 32 * MiB;
      });
    } finally {
      clearInterval(drip);
    }
    expect(await node.metric('plexus_incomplete_bytes')).toBeLessThanOrEqual(16 * MiB);
    expect(await node.metric('plexus_closed_connections_total{reason="incomplete_overflow"}')).toBeGreaterThan(250);
    expect(slow.findLast((client) => !client.closed)).toBe(slow[299]);
    const seen = await witness.stop();
    expect([seen.received, seen.disordered]).toEqual([seen.sent, 0]);
    for (const client of slow) client.vanish();
    await until('nothing is held', 20_000, async () => (await node.metric('plexus_incomplete_bytes')) === 0);
  });
});

/** Opens `perSecond` connections for `seconds`, evenly; each says CONNECT, and goes away half a second after its answer. */
async function storm(port: number, perSecond: number, seconds: number): Promise<{ accepted: number; refused: number }> {
  const outcomes = { accepted: 0, refused: 0 };
  const attempts: Promise<void>[] = [];
  const attempt = async (id: string): Promise<void> => {
    try {
      const client = await RawClient.connect(port, id);
      outcomes.accepted++;
      setTimeout(() => client.vanish(), 500);
    } catch {
      outcomes.refused++;
    }
  };
  const startedAt = performance.now();
  const total = perSecond * seconds;
  while (attempts.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - startedAt) / 1000) * perSecond));
    while (attempts.length < due) attempts.push(attempt(`storm-${attempts.length}`));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(attempts);
  return outcomes;
}
