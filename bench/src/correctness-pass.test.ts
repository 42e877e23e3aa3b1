import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MqttWire } from './generator/mqtt-wire.ts';
import { ceiling } from './peers/node-peers.ts';
import type { Peer } from './peers/peer.ts';
import type { CheckPlan, ConnectPlan, FlowPlan } from './plan.ts';
import { runOnce } from './runs.ts';

const TIMING = { warmupMs: 100, measureMs: 300 };
const PAYLOAD_BYTES = 100;
const load = {
  wire: { transport: 'tcp', protocol: 'mqtt', version: 4, qos: 0, userProperties: [] },
  nodes: 1,
  publishers: 1,
  subscribers: 2,
  topics: 'shared',
  group: false,
  payloadBytes: PAYLOAD_BYTES,
  windowBytes: 1024 * 1024,
  ackWindow: 512,
} as const;
const check: CheckPlan = { ...load, mode: 'check', messagesPerPublisher: 1_000 };
const flow: FlowPlan = { ...load, mode: 'flow' };

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const wire = new MqttWire(4, 0, []);
const { size, payloadOffset } = wire.deliveryShape(wire.topic(1), PAYLOAD_BYTES);

type Spoil = (messages: Buffer[], subscriber: number) => Buffer[];

/** A relay in this process that treats the stream of messages to each subscriber as `spoil` says. */
function relayPeer(spoil: Spoil): Peer {
  return {
    ...ceiling,
    isBroker: true,
    async start() {
      const subscribers: Socket[] = [];
      const server = createServer((socket) => serve(socket, subscribers, spoil));
      servers.push(server);
      const listening = Promise.withResolvers<void>();
      server.listen(0, '127.0.0.1', listening.resolve);
      await listening.promise;
      const { port } = server.address() as { port: number };
      return { port, subscribePort: port, pids: [process.pid], stop: async () => {} };
    },
  };
}

function serve(socket: Socket, subscribers: Socket[], spoil: Spoil): void {
  let rest = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    if (bytes[0] === 0x10) return void socket.write(Buffer.of(0x20, 2, 0, 0));
    if (bytes[0] === 0x82) {
      subscribers.push(socket);
      return void socket.write(Buffer.of(0x90, 3, 0, 1, 0));
    }
    rest = Buffer.concat([rest, bytes]);
    const messages: Buffer[] = [];
    for (; rest.length >= size; rest = rest.subarray(size)) messages.push(rest.subarray(0, size));
    for (const [index, subscriber] of subscribers.entries()) subscriber.write(Buffer.concat(spoil(messages, index)));
  });
}

describe('the correctness pass', () => {
  it('passes a relay that delivers everything', async () => {
    const relay = relayPeer((messages) => messages);
    await expect(runOnce(relay, 'throughput', check, TIMING)).resolves.toMatchObject({ deliveries: 2_000 });
  });

  it('names a message that is lost', async () => {
    const relay = relayPeer((messages) => messages.filter((_, index) => index !== 5));
    await expect(runOnce(relay, 'throughput', check, TIMING)).rejects.toThrow(/message 6 instead of 5/);
  });

  it('names a message that comes twice', async () => {
    const relay = relayPeer((messages) =>
      messages.flatMap((message, index) => (index === 5 ? [message, message] : message)),
    );
    await expect(runOnce(relay, 'throughput', check, TIMING)).rejects.toThrow(/message 5 instead of 6/);
  });

  it('names a message that is altered', async () => {
    const relay = relayPeer((messages) => {
      messages[5]?.write('y', messages[5].length - 1);
      return messages;
    });
    await expect(runOnce(relay, 'throughput', check, TIMING)).rejects.toThrow(/message 5 is altered/);
  });
});

describe('the correctness pass of a group', () => {
  const numberOf = (message: Buffer): number => message.readUInt32BE(payloadOffset + 4);
  const groupCheck: CheckPlan = { ...check, group: true };

  it('passes a relay that gives each message to one member', async () => {
    const relay = relayPeer((messages, member) => messages.filter((message) => numberOf(message) % 2 === member));
    const result = runOnce(relay, 'throughput', groupCheck, TIMING);
    await expect(result).resolves.toMatchObject({ deliveries: 1_000 });
  });

  it('names a message that two members get', async () => {
    const relay = relayPeer((messages, member) =>
      messages.filter((message) => numberOf(message) === 6 || numberOf(message) % 2 === member),
    );
    await expect(runOnce(relay, 'throughput', groupCheck, TIMING)).rejects.toThrow(/message 6 again/);
  });

  it('names a member that gets nothing', async () => {
    const relay = relayPeer((messages, member) => (member === 0 ? messages : []));
    // The relay counts them as they come, and both come at once.
    await expect(runOnce(relay, 'throughput', groupCheck, TIMING)).rejects.toThrow(/subscriber [01] got nothing/);
  });
});

describe('a run at full speed', () => {
  it('counts handshakes', async () => {
    const plan: ConnectPlan = { mode: 'connect', wire: load.wire, concurrency: 8 };
    const result = await runOnce(ceiling, 'latency', plan, TIMING);
    expect(result).toMatchObject({ mode: 'connect', connectsPerSecond: expect.any(Number) });
    if (result.mode === 'connect') expect(result.connectsPerSecond).toBeGreaterThan(100);
  });

  it('measures deliveries and where the processor time went', async () => {
    const result = await runOnce(ceiling, 'throughput', flow, TIMING);
    expect(result).toMatchObject({ mode: 'flow', deliveriesPerSecond: expect.any(Number) });
    if (result.mode === 'flow') expect(result.deliveriesPerSecond).toBeGreaterThan(100_000);
  });
});
