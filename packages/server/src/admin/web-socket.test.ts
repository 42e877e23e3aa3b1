import { request as httpRequest } from 'node:http';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { describeListener } from '../broker/listeners/listener.conformance.ts';
import { TlsCredentials } from '../broker/listeners/tls-credentials.ts';
import type { TlsServing } from '../broker/listeners/tls-door.ts';
import { type AcceptConnection, type Listener, TransportFault, type TransportHandler } from '../broker/transport.ts';
import { hasOpenssl, TestAuthority } from '../testing/certificates.ts';
import { itNeeds } from '../testing/peers.ts';
import { seeded } from '../testing/seed.ts';
import { webSocketPeer } from '../testing/stream-peer.ts';
import type { AdminPorts } from './ports.ts';
import { type Admin, createAdmin } from './server.ts';

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024 + 1024;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Of these tests, only the version and `live` are asked for. */
const ports = {
  node: { describe: () => ({ version: '0' }) },
  readiness: { unmet: () => [] },
  stats: { snapshot: () => ({}) },
  log: { error() {} },
} as unknown as AdminPorts;

function adminOf(accept: AcceptConnection, port: number, secure: TlsServing | null): Promise<Admin> {
  const limits = { maxPacketBytes: 1024, maxTopicBytes: 100, maxTopicLevels: 10 };
  const config = { host: '127.0.0.1', httpPort: port, httpHosts: ['plexus.example.org'], ...limits };
  const webSocket = {
    name: secure === null ? ('ws' as const) : ('wss' as const),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    accept,
  };
  return createAdmin(ports, config as Parameters<typeof createAdmin>[1], {
    tls: secure,
    webSocket,
    maxConnections: 100,
  });
}

const open: Admin[] = [];
afterEach(async () => {
  for (const admin of open.splice(0)) await admin.stop();
});

/** The WebSocket side of an HTTP server as a listener of its own. */
function listenerOf(accept: AcceptConnection, port: number, secure: TlsServing | null): Listener {
  let admin: Admin | null = null;
  return {
    name: secure === null ? 'ws' : 'wss',
    async start() {
      admin = await adminOf(accept, port, secure);
      open.push(admin);
      return admin.listen();
    },
    async stopAccepting() {
      await admin?.drain();
    },
  };
}

describeListener({
  name: 'ws',
  make: (accept, port = 0) => listenerOf(accept, port, null),
  connect: (port) => webSocketPeer(`ws://127.0.0.1:${port}/mqtt`, net.connect({ host: '127.0.0.1', port }), 'connect'),
});

if (hasOpenssl) {
  const authority = new TestAuthority();
  afterAll(() => authority[Symbol.dispose]());
  const { cert, key } = authority.issue('node');
  const doorkeeper = { admits: () => true, refused() {} };
  const serving = (): TlsServing => ({
    credentials: new TlsCredentials({ tlsCert: cert, tlsKey: key, tlsCa: null }),
    doorkeeper,
    handshakeTimeoutMs: 5000,
    maxHandshakes: 100,
  });
  describeListener({
    name: 'wss',
    make: (accept, port = 0) => listenerOf(accept, port, serving()),
    connect(port) {
      const socket = tls.connect({ host: '127.0.0.1', port, ca: authority.pem });
      return webSocketPeer(`wss://127.0.0.1:${port}/mqtt`, socket, 'secureConnect');
    },
  });
} else itNeeds('openssl', false, 'wss: a listener', async () => {});

class Recorder implements TransportHandler {
  chunks: Buffer[] = [];
  closings: (Error | null)[] = [];

  onData(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk));
  }
  onWritten(): void {}
  onClosed(error: Error | null): void {
    this.closings.push(error);
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await sleep(2);
  }
}

async function scene(): Promise<{ port: number; handlers: Recorder[]; admin: Admin }> {
  const handlers: Recorder[] = [];
  const accept = (): Recorder => {
    handlers.push(new Recorder());
    return handlers.at(-1)!;
  };
  const admin = await adminOf(accept, 0, null);
  open.push(admin);
  return { port: await admin.listen(), handlers, admin };
}

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': 'mqtt',
};

/** An upgrade request by hand. @returns the status, the body of a refusal, and the socket */
function upgrade(port: number, headers: Record<string, string> = {}, path = '/mqtt') {
  return new Promise<{ status: number; protocol: unknown; body: string; socket: Socket }>((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, headers: { ...UPGRADE, ...headers }, agent: false });
    request.on('upgrade', ({ statusCode, headers: answered }, socket) => {
      resolve({
        status: statusCode!,
        protocol: answered['sec-websocket-protocol'],
        body: '',
        socket: socket as Socket,
      });
    });
    request.on('response', (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, protocol: null, body, socket: response.socket }),
      );
    });
    request.on('error', reject).end();
  });
}

/** A frame of a client. */
function frame(payload: Buffer, { opcode = 2, fin = true, mask = [1, 2, 3, 4] as readonly number[] } = {}): Buffer {
  const length = payload.length;
  const head = length < 126 ? Buffer.from([0, length]) : Buffer.from([0, 126, length >> 8, length & 0xff]);
  head[0] = opcode | (fin ? 0x80 : 0);
  head[1]! |= 0x80;
  return Buffer.concat([head, Buffer.from(mask), payload.map((byte, i) => byte ^ mask[i & 3]!)]);
}

describe('the WebSocket handshake', () => {
  it('chooses the subprotocol mqtt, whatever else is offered', async () => {
    const { port } = await scene();
    const { status, protocol, socket } = await upgrade(port, { 'Sec-WebSocket-Protocol': 'mqttv3.1, mqtt' });
    expect([status, protocol]).toEqual([101, 'mqtt']);
    socket.destroy();
  });

  it.each([
    ['another path', {}, '/', 404, 'not_found'],
    ['a longer path', {}, '/mqtt/', 404, 'not_found'],
    ['a path of the API', {}, '/health/live', 404, 'not_found'],
    ['no subprotocol', { 'Sec-WebSocket-Protocol': '' }, '/mqtt', 400, 'bad_request'],
    ['another subprotocol', { 'Sec-WebSocket-Protocol': 'mqttv3.1' }, '/mqtt', 400, 'bad_request'],
    ['another version', { 'Sec-WebSocket-Version': '7' }, '/mqtt', 400, 'bad_request'],
    ['a bad key', { 'Sec-WebSocket-Key': 'x' }, '/mqtt', 400, 'bad_request'],
    ['a foreign Host', { Host: 'evil.example' }, '/mqtt', 403, 'forbidden_host'],
    ['a foreign Origin', { Origin: 'https://evil.example' }, '/mqtt', 403, 'forbidden_host'],
    ['the Origin null', { Origin: 'null' }, '/mqtt', 403, 'forbidden_host'],
  ])('is refused for %s, in the form of every error', async (_what, headers, path, status, code) => {
    const { port, handlers } = await scene();
    const answer = await upgrade(port, headers as Record<string, string>, path);
    expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([status, code]);
    expect(handlers).toEqual([]);
  });

  it.each([
    { Host: 'localhost:1', Origin: 'http://localhost:3000' },
    { Host: 'plexus.example.org', Origin: 'https://plexus.example.org' },
    { Host: '127.0.0.1' },
  ])('is accepted for %j, with a query too', async (headers: Record<string, string>) => {
    const { port } = await scene();
    const { status, socket } = await upgrade(port, headers, '/mqtt?x=1');
    expect(status).toBe(101);
    socket.destroy();
  });

  it('is not what other upgrades are: those are answered as if they had not asked', async () => {
    const { port } = await scene();
    const { status } = await upgrade(port, { Upgrade: 'h2c' }, '/health/live');
    expect(status).toBe(200);
  });
});

describe('frames', () => {
  it('carry a stream of bytes, split and joined at will', async () => {
    const { port, handlers } = await scene();
    const part = fc.record({
      payload: fc.uint8Array({ maxLength: 300 }),
      // Small ones often, and every form of the length.
      repeat: fc.constantFrom(1, 1, 1, 30),
      mask: fc.constantFrom([0, 0, 0, 0], [1, 2, 3, 4]),
      /** Two fragments, with a ping between them. */
      cut: fc.option(fc.nat(300)),
    });
    const parts = fc.array(part, { minLength: 1, maxLength: 40 });
    const reads = fc.array(fc.constantFrom(1, 2, 5, 100, 1460, 9000), { minLength: 1, maxLength: 20 });
    const property = fc.asyncProperty(parts, reads, async (messages, lengths) => {
      const { socket } = await upgrade(port);
      socket.resume();
      const sent: Buffer[] = [];
      const frames: Buffer[] = [];
      for (const { payload, repeat, mask, cut } of messages) {
        const whole = Buffer.alloc(payload.length * repeat, payload);
        sent.push(whole);
        if (cut === null) frames.push(frame(whole, { mask }));
        else {
          frames.push(frame(whole.subarray(0, cut), { fin: false, mask }), frame(Buffer.from('ping'), { opcode: 9 }));
          frames.push(frame(whole.subarray(cut), { opcode: 0, mask }));
        }
      }
      const wire = Buffer.concat(frames);
      for (let at = 0, i = 0; at < wire.length; i++) {
        const length = lengths[i % lengths.length]!;
        socket.write(wire.subarray(at, at + length));
        at += length;
        // Mostly in reads of their own, as far as one can ask for that.
        if (i < 100) await new Promise((resolve) => setImmediate(resolve));
      }
      const expected = Buffer.concat(sent);
      const handler = handlers.at(-1)!;
      const received = () => handler.chunks.reduce((sum, { length }) => sum + length, 0);
      await until('all of it', () => received() >= expected.length);
      expect(Buffer.concat(handler.chunks).equals(expected)).toBe(true);
      socket.destroy();
    });
    await fc.assert(property, seeded(60));
  });

  it('of one read are handed over as one chunk', async () => {
    const { port, handlers } = await scene();
    const { socket } = await upgrade(port);
    socket.write(Buffer.concat(['a', 'bc', 'd'].map((text) => frame(Buffer.from(text)))));
    await until('all of it', () => handlers[0]?.text === 'abcd');
    expect(handlers[0]!.chunks).toHaveLength(1);
    socket.destroy();
  });

  it('that come with the handshake are not lost', async () => {
    const { port, handlers } = await scene();
    const socket = net.connect({ host: '127.0.0.1', port });
    const head = Object.entries({ Host: 'localhost', ...UPGRADE }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(
      Buffer.concat([Buffer.from(`GET /mqtt HTTP/1.1\r\n${head.join('')}\r\n`), frame(Buffer.from('early'))]),
    );
    await until('the frame', () => handlers[0]?.text === 'early');
    socket.destroy();
  });

  it.each([
    ['a text frame', frame(Buffer.from('text'), { opcode: 1 }), 1003],
    ['a reserved opcode', frame(Buffer.from('x'), { opcode: 3 }), 1002],
    ['a frame without a mask', Buffer.from([0x82, 1, 120]), 1002],
    ['a message beyond the bound', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4]), 1009],
  ])('%s closes', async (_what, bytes, code) => {
    const { port, handlers } = await scene();
    const { socket } = await upgrade(port);
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    socket.write(Buffer.concat([frame(Buffer.from('ok')), bytes]));
    await until('the close frame', () => received.length >= 4);
    expect([received[0], received.readUInt16BE(2)]).toEqual([0x88, code]);
    await until('told', () => handlers[0]!.closings.length === 1);
    expect(handlers[0]!.closings[0]).toBeInstanceOf(TransportFault);
    expect((handlers[0]!.closings[0] as TransportFault).reason).toBe('websocket_violation');
    await until('closed', () => socket.closed);
    expect(handlers[0]!.closings).toHaveLength(1);
  });

  it('of a stranger that never end are not collected without bound', async () => {
    const { port, handlers } = await scene();
    const { socket } = await upgrade(port);
    socket.on('error', () => {}).resume();
    socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0, 1, 2, 3, 4]));
    const more = setInterval(() => socket.write(Buffer.alloc(50_000)), 1);
    await until('closed', () => handlers[0]!.closings.length === 1);
    clearInterval(more);
    socket.destroy();
  });
});

describe('a drain', () => {
  it('waits for requests under way, and not for WebSockets, which a stop ends', async () => {
    const { port, handlers, admin } = await scene();
    const { socket } = await upgrade(port);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const idle = net.connect({ host: '127.0.0.1', port });
    await new Promise((resolve) => idle.once('connect', resolve));
    await admin.drain();
    await new Promise((resolve) => idle.once('close', resolve));
    socket.write(frame(Buffer.from('on')));
    await until('still there', () => handlers[0]?.text === 'on');
    await admin.stop();
    await closed;
    await until('told', () => handlers[0]!.closings.length === 1);
  });
});

it('a client of ours gets what is written in one binary message per write', async () => {
  const slices = [Buffer.alloc(100, 'a'), Buffer.alloc(70_000, 'b'), Buffer.from('c')];
  const accept: AcceptConnection = (transport) => {
    const handler = new Recorder();
    let round = 0;
    handler.onWritten = () => {
      if (++round < slices.length) transport.write(slices, slices.length - round);
    };
    setImmediate(() => transport.write(slices, slices.length));
    return handler;
  };
  const admin = await adminOf(accept, 0, null);
  open.push(admin);
  const webSocket = new WebSocket(`ws://127.0.0.1:${await admin.listen()}/mqtt`, 'mqtt');
  const lengths: number[] = [];
  webSocket.on('message', (data) => void lengths.push((data as Buffer).length));
  await until('three messages', () => lengths.length === 3);
  expect(lengths).toEqual([70_101, 70_100, 100]);
  webSocket.terminate();
});

it('a head that never ends is cut off', async () => {
  const { port } = await scene();
  const socket = net.connect({ host: '127.0.0.1', port });
  socket.write('GET /mqtt HTTP/1.1\r\n');
  const slowly = setInterval(() => socket.write('X-A: b\r\n'), 500);
  const begun = performance.now();
  await new Promise((resolve) =>
    socket
      .on('error', () => {})
      .once('close', resolve)
      .resume(),
  );
  clearInterval(slowly);
  expect(performance.now() - begun).toBeLessThan(15_000);
}, 20_000);
