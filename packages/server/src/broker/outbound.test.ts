import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turn } from '../lib/turn.ts';
import { MemoryTransport } from '../testing/memory-transport.ts';
import { seeded } from '../testing/seed.ts';
import { ChunkPool } from './chunk-pool.ts';
import { FlowControl } from './flow-control.ts';
import { Outbound } from './outbound.ts';

/** Outbounds that share chunks, turns and flow control, each with a transport, and what each should have sent. */
class Scene {
  now = 0;
  readonly turns: (() => void)[] = [];
  readonly turn = new Turn((run) => this.turns.push(run));
  readonly lines: Line[] = [];
  readonly flow = new FlowControl(
    { highWaterBytes: 1e9, lowWaterBytes: 1e8, maxStalledBytes: 1e9 },
    this.turn,
    () => {},
  );
  readonly context = { flow: this.flow, turn: this.turn, chunks: new ChunkPool(), now: () => this.now };

  line(): Line {
    const line = new Line(this);
    this.lines.push(line);
    return line;
  }

  step(): boolean {
    let busy = false;
    for (const line of this.lines) busy = line.transport.step() || busy;
    for (const run of this.turns.splice(0)) {
      run();
      busy = true;
    }
    return busy;
  }

  settle(): void {
    while (this.step());
  }
}

class Line {
  readonly outbound: Outbound;
  readonly transport: MemoryTransport;
  readonly expected: Uint8Array[] = [];
  readonly received: Uint8Array[] = [];
  drained = 0;
  #fill = 0;

  constructor(scene: Scene) {
    this.transport = new MemoryTransport('', (bytes) => this.received.push(bytes));
    this.outbound = new Outbound(
      { onDrained: () => this.drained++, closeStalled: () => {} },
      this.transport,
      scene.context,
    );
    this.transport.attach({
      onData: () => {},
      onWritten: () => this.outbound.written(),
      onClosed: () => this.outbound.discard(),
    });
  }

  /** A range in the middle of a buffer of its own, as a PUBLISH in a read buffer is. */
  push(length: number, around: number): void {
    const buffer = new Uint8Array(length + 2 * around).fill(this.#next());
    this.expected.push(buffer.slice(around, around + length));
    this.outbound.push(buffer, around, around + length);
  }

  reserve(length: number): void {
    const value = this.#next();
    const at = this.outbound.reserve(length);
    this.outbound.chunk.fill(value, at, at + length);
    this.expected.push(new Uint8Array(length).fill(value));
  }

  check(): void {
    expect(Buffer.concat(this.received).equals(Buffer.concat(this.expected))).toBe(true);
    expect(this.outbound.bytes).toBe(0);
    expect(this.outbound.bytesOut).toBe(this.expected.reduce((sum, bytes) => sum + bytes.length, 0));
  }

  #next(): number {
    this.#fill = (this.#fill + 1) & 0xff;
    return this.#fill;
  }
}

describe('an outbound', () => {
  it('sends every byte, in order, whatever the sizes and the pace; chunks used again never show', () => {
    const action = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('reserve' as const),
          line: fc.nat(2),
          length: fc.integer({ min: 1, max: 4096 }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('push' as const),
          line: fc.nat(2),
          length: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 300_000 })),
          around: fc.constantFrom(0, 10, 5000),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('step' as const), ms: fc.constantFrom(0, 1, 300, 2000) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant('pace' as const),
          line: fc.nat(2),
          pace: fc.constantFrom(0, 1000, 50_000, Number.POSITIVE_INFINITY),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('stall' as const), line: fc.nat(2) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const scene = new Scene();
        const lines = [scene.line(), scene.line(), scene.line()];
        for (const act of actions) {
          if (act.do === 'step') {
            scene.now += act.ms;
            scene.step();
          } else {
            const line = lines[act.line]!;
            if (act.do === 'reserve') line.reserve(act.length);
            else if (act.do === 'push') line.push(act.length, act.around);
            else if (act.do === 'stall') line.outbound.checkStall(scene.now, 100);
            else line.transport.pace = act.pace;
          }
          const held = lines.reduce((sum, { outbound }) => sum + outbound.bytes, 0);
          expect(scene.flow.heldBytes + scene.flow.stalledBytes).toBe(held);
        }
        for (const line of lines) line.transport.pace = 10_000_000;
        scene.settle();
        for (const line of lines) line.check();
        expect([scene.flow.heldBytes, scene.flow.stalledBytes]).toEqual([0, 0]);
      }),
      seeded(150),
    );
  });

  it('writes once per turn, however many packets there are', () => {
    const scene = new Scene();
    const line = scene.line();
    for (let i = 0; i < 500; i++) line.reserve(20);
    scene.settle();
    expect(line.transport.writes).toBe(1);
    line.check();
  });

  it('hands a range that is most of its buffer to all receivers as it is', () => {
    const scene = new Scene();
    const [a, b] = [scene.line(), scene.line()];
    const buffer = new Uint8Array(60_000).fill(7);
    const seen: Uint8Array[] = [];
    for (const { outbound, transport } of [a, b]) {
      const write = transport.write.bind(transport);
      transport.write = (slices, count) => {
        seen.push(...slices.slice(0, count));
        write(slices, count);
      };
      outbound.push(buffer, 0, 30_000);
      outbound.push(buffer, 30_000, 60_000);
    }
    scene.settle();
    expect(seen.map((slice) => [slice.buffer === buffer.buffer, slice.length])).toEqual([
      [true, 60_000],
      [true, 60_000],
    ]);
  });

  it('says when a write was taken whole, and knows when anything was taken last', () => {
    const scene = new Scene();
    const line = scene.line();
    line.transport.pace = 0;
    scene.now = 5;
    line.reserve(10);
    scene.settle();
    expect([line.drained, line.outbound.lastProgressMs]).toEqual([0, 5]);
    scene.now = 9;
    line.transport.pace = 100;
    scene.settle();
    expect([line.drained, line.outbound.lastProgressMs]).toEqual([1, 9]);
  });

  it('counts a receiver as stalled only when it has taken nothing for that long', () => {
    const scene = new Scene();
    const line = scene.line();
    line.transport.pace = 0;
    line.reserve(1000);
    scene.settle();
    line.outbound.checkStall(99, 100);
    expect(scene.flow.stalledBytes).toBe(0);
    line.outbound.checkStall(100, 100);
    expect([scene.flow.heldBytes, scene.flow.stalledBytes]).toEqual([0, 1000]);
    line.reserve(500);
    expect([scene.flow.heldBytes, scene.flow.stalledBytes]).toEqual([0, 1500]);
    line.transport.pace = 10_000;
    scene.settle();
    expect([scene.flow.heldBytes, scene.flow.stalledBytes]).toEqual([0, 0]);
    line.check();
  });

  it('forgets everything when discarded, gives the bytes back, and takes no more', () => {
    const scene = new Scene();
    const line = scene.line();
    line.transport.pace = 0;
    for (let i = 0; i < 10; i++) line.push(50_000, 0);
    scene.settle();
    line.outbound.discard();
    line.outbound.discard();
    line.reserve(10);
    line.push(5000, 0);
    scene.settle();
    expect([line.outbound.bytes, scene.flow.heldBytes, scene.flow.stalledBytes]).toEqual([0, 0, 0]);
  });
});
