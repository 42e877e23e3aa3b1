import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MqttWire } from './generator/mqtt-wire.ts';
import { ceiling } from './peers/node-peers.ts';
import type { Peer } from './peers/peer.ts';
import type { CheckPlan, FlowPlan } from './plan.ts';
import { runOnce } from './runs.ts';

const TIMING = { warmupMs: 100, measureMs: 300 };
const PAYLOAD_BYTES = 100;
const load = {
  wire: { protocol: 'mqtt', version: 4, qos: 0, userProperties: [] },
  publishers: 1,
  subscribers: 2,
  topics: 'shared',
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

/** A relay in this process that treats the stream of messages as `spoil` says. */
function relayPeer(spoil: (messages: Buffer[]) => Buffer[]): Peer {
  const wire = new MqttWire(4, 0, []);
  const { size } = wire.deliveryShape(wire.topic(1), PAYLOAD_BYTES);
  return {
    ...ceiling,
    isBroker: true,
    async start() {
      const subscribers: Socket[] = [];
      const server = createServer((socket) => serve(socket, subscribers, size, spoil));
      servers.push(server);
      const listening = Promise.withResolvers<void>();
      server.listen(0, '127.0.0.1', listening.resolve);
      await listening.promise;
      const { port } = server.address() as { port: number };
      return { port, pid: process.pid, stop: async () => {} };
    },
  };
}

function serve(socket: Socket, subscribers: Socket[], size: number, spoil: (messages: Buffer[]) => Buffer[]): void {
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
    const out = Buffer.concat(spoil(messages));
    for (const subscriber of subscribers) subscriber.write(out);
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

describe('a run at full speed', () => {
  it('measures deliveries and where the processor time went', async () => {
    const result = await runOnce(ceiling, 'throughput', flow, TIMING);
    expect(result).toMatchObject({ mode: 'flow', deliveriesPerSecond: expect.any(Number) });
    if (result.mode === 'flow') expect(result.deliveriesPerSecond).toBeGreaterThan(100_000);
  });
});
