import { afterEach, describe, expect, it } from 'vitest';
import type { AcceptConnection, Listener, Transport, TransportHandler } from '../transport.ts';

/** The other end of a connection, as the system under a listener offers it. */
export interface Peer {
  write(bytes: Uint8Array): void;
  /** Stops reading. */
  pause(): void;
  resume(): void;
  /** Hangs up hard. */
  destroy(): void;
  /** What came so far. */
  received(): Buffer;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

export interface ListenerUnderTest {
  name: string;
  make(accept: AcceptConnection, port?: number): Listener;
  connect(port: number): Promise<Peer>;
}

/** The broker's side of a connection, recorded. */
class Recorder implements TransportHandler {
  readonly transport: Transport;
  readonly chunks: Buffer[] = [];
  written = 0;
  closings: (Error | null)[] = [];
  /** While inside `transport.write`. */
  writing = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  onData(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk));
  }
  onWritten(): void {
    if (this.writing) throw new Error('onWritten from within write');
    this.written++;
  }
  onClosed(error: Error | null): void {
    this.closings.push(error);
  }

  get data(): Buffer {
    return Buffer.concat(this.chunks);
  }

  write(...slices: Uint8Array[]): void {
    this.writing = true;
    this.transport.write([...slices, Buffer.from('not this one')], slices.length);
    this.writing = false;
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What every listener and its transports do. */
export function describeListener({ name, make, connect }: ListenerUnderTest): void {
  const cleanUp: (() => unknown)[] = [];
  afterEach(async () => {
    for (const done of cleanUp.splice(0).reverse()) await done();
  });

  const listening = async (accept?: AcceptConnection) => {
    const handlers: Recorder[] = [];
    const names: string[] = [];
    const listener = make(
      accept ??
        ((transport, from) => {
          names.push(from);
          const handler = new Recorder(transport);
          handlers.push(handler);
          cleanUp.push(() => transport.destroy());
          return handler;
        }),
    );
    const port = await listener.start();
    cleanUp.push(() => listener.stopAccepting());
    return { listener, port, handlers, names };
  };
  const connected = async () => {
    const scene = await listening();
    const peer = await connect(scene.port);
    cleanUp.push(() => peer.destroy());
    await until('the connection is accepted', () => scene.handlers.length === 1);
    return { ...scene, peer, handler: scene.handlers[0]! };
  };

  describe(`${name}: a listener`, () => {
    it('picks a free port for 0, and hands over connections with its name and the address', async () => {
      const { port, handler, names, listener } = await connected();
      expect(port).toBeGreaterThan(0);
      expect(names).toEqual([listener.name]);
      expect(handler.transport.remoteAddress).toMatch(/127\.0\.0\.1$/);
    });

    it('says that an address is in use', async () => {
      const { port } = await listening();
      await expect(make(() => null, port).start()).rejects.toMatchObject({ code: 'address_in_use' });
    });

    it('destroys what is refused, and goes on', async () => {
      let refuse = true;
      const { port } = await listening((transport) => (refuse ? null : new Recorder(transport)));
      const refused = await connect(port);
      await refused.closed;
      refuse = false;
      const peer = await connect(port);
      peer.write(Buffer.from('x'));
      await pause(20);
      peer.destroy();
    });

    it('accepts nobody after stopAccepting, while connections go on; twice is fine', async () => {
      const { listener, port, handler, peer } = await connected();
      await listener.stopAccepting();
      await listener.stopAccepting();
      await expect(connect(port)).rejects.toThrow();
      peer.write(Buffer.from('still here'));
      await until('data', () => handler.data.toString() === 'still here');
      handler.write(Buffer.from('so am I'));
      await until('answer', () => peer.received().toString() === 'so am I');
    });
  });

  describe(`${name}: a transport`, () => {
    it('carries bytes both ways, the first `count` slices of each write, in order', async () => {
      const { handler, peer } = await connected();
      peer.write(Buffer.from('hello'));
      await until('data', () => handler.data.toString() === 'hello');
      handler.write(Buffer.from('a'), Buffer.from('b'), Buffer.from('c'));
      await until('written', () => handler.written === 1);
      handler.write(Buffer.from('d'));
      await until('written', () => handler.written === 2);
      await until('answer', () => peer.received().toString() === 'abcd');
    });

    it('calls onWritten only when the system has taken all of it', async () => {
      const { handler, peer } = await connected();
      peer.pause();
      const large = Buffer.alloc(64 * 1024 * 1024, 'x');
      handler.write(large);
      await pause(50);
      expect(handler.written).toBe(0);
      peer.resume();
      await until('written', () => handler.written === 1);
    });

    it('hands out nothing while paused, and loses nothing', async () => {
      const { handler, peer } = await connected();
      handler.transport.pause();
      await pause(10);
      const before = handler.data.length;
      peer.write(Buffer.from('later'));
      await pause(50);
      expect(handler.data.length).toBe(before);
      handler.transport.resume();
      await until('data', () => handler.data.toString() === 'later');
    });

    it('does not write again to a chunk that it has handed out', async () => {
      const { handler, peer } = await connected();
      const kept: [Uint8Array, string][] = [];
      handler.onData = (chunk) => {
        kept.push([chunk, Buffer.from(chunk).toString('hex')]);
      };
      for (let i = 0; i < 20; i++) {
        peer.write(Buffer.alloc(5000, i));
        await pause(1);
      }
      await until('data', () => kept.reduce((sum, [chunk]) => sum + chunk.length, 0) === 100_000);
      for (const [chunk, was] of kept) expect(Buffer.from(chunk).toString('hex')).toBe(was);
    });

    it('sends what was handed over before it ends, and says once that it is closed', async () => {
      const { handler, peer } = await connected();
      handler.write(Buffer.alloc(300_000, 'x'), Buffer.from('end'));
      handler.transport.end(2000);
      await peer.closed;
      expect(peer.received().length).toBe(300_003);
      await until('closed', () => handler.closings.length === 1);
      handler.transport.destroy();
      await pause(10);
      expect(handler.closings).toEqual([null]);
    });

    it('is destroyed when an end takes longer than its grace', async () => {
      const { handler, peer } = await connected();
      peer.pause();
      handler.write(Buffer.alloc(64 * 1024 * 1024, 'x'));
      handler.transport.end(100);
      await until('closed', () => handler.closings.length === 1);
    });

    it('says once that it is closed when destroyed, and when the other end is gone', async () => {
      const first = await connected();
      first.handler.transport.destroy();
      first.handler.transport.destroy();
      await until('closed', () => first.handler.closings.length > 0);
      const second = await connected();
      second.peer.destroy();
      await until('closed', () => second.handler.closings.length > 0);
      await pause(10);
      expect([first.handler.closings.length, second.handler.closings.length]).toEqual([1, 1]);
    });

    it('survives what is done to it after its end', async () => {
      const { handler, peer } = await connected();
      peer.destroy();
      await until('closed', () => handler.closings.length === 1);
      handler.write(Buffer.from('x'));
      handler.transport.pause();
      handler.transport.resume();
      handler.transport.end(10);
      handler.transport.destroy();
      await pause(30);
      expect(handler.closings).toHaveLength(1);
      expect(handler.written).toBe(0);
    });
  });
}
