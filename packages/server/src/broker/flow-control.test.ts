import { describe, expect, it } from 'vitest';
import { Turn } from '../lib/turn.ts';
import { FlowControl, type StalledReceiver } from './flow-control.ts';

const scene = () => {
  const turns: (() => void)[] = [];
  const flow = new FlowControl(
    { highWaterBytes: 100, lowWaterBytes: 50, maxStalledBytes: 1000 },
    new Turn((run) => turns.push(run)),
    () => {},
  );
  const endTurn = () => {
    for (const run of turns.splice(0)) run();
  };
  return { flow, endTurn };
};

class Receiver implements StalledReceiver {
  readonly lastProgressMs: number;
  closed = false;
  readonly #flow: FlowControl;
  readonly #bytes: number;

  constructor(flow: FlowControl, lastProgressMs: number, bytes: number) {
    this.#flow = flow;
    this.lastProgressMs = lastProgressMs;
    this.#bytes = bytes;
    flow.hold(bytes);
  }

  stall(): this {
    this.#flow.stall(this, this.#bytes);
    return this;
  }

  closeStalled(): void {
    this.closed = true;
    this.#flow.unstall(this, this.#bytes);
    this.#flow.release(this.#bytes);
  }
}

describe('the gate before publishers', () => {
  it('closes above the high-water mark and opens at the low one, at the end of a turn', () => {
    const { flow, endTurn } = scene();
    flow.hold(100);
    expect(flow.closed).toBe(false);
    flow.hold(1);
    expect(flow.closed).toBe(true);
    flow.release(50);
    endTurn();
    expect(flow.closed).toBe(true);
    flow.release(1);
    expect(flow.closed).toBe(true);
    endTurn();
    expect(flow.closed).toBe(false);
  });

  it('stays closed when more came before the end of the turn, and opens later', () => {
    const { flow, endTurn } = scene();
    flow.hold(101);
    flow.release(60);
    flow.hold(20);
    endTurn();
    expect(flow.closed).toBe(true);
    flow.release(61);
    endTurn();
    expect(flow.closed).toBe(false);
  });

  it('lets publishers go on oldest first, until it closes again', () => {
    const { flow, endTurn } = scene();
    const resumed: string[] = [];
    const publisher = (name: string, bytes: number) => {
      const self = {
        resumePublishing: () => {
          resumed.push(name);
          flow.hold(bytes);
          if (flow.closed) flow.wait(self);
        },
      };
      return self;
    };
    flow.hold(101);
    for (const name of ['a', 'b', 'c']) flow.wait(publisher(name, 60));
    flow.release(101);
    endTurn();
    expect(resumed).toEqual(['a', 'b']);
    expect(flow.waitingPublishers).toBe(2);
    flow.release(120);
    endTurn();
    expect(resumed).toEqual(['a', 'b', 'c', 'b']);
  });

  it('forgets a publisher that is gone', () => {
    const { flow, endTurn } = scene();
    const gone = { resumePublishing: () => expect.unreachable() };
    flow.hold(101);
    flow.wait(gone);
    flow.forget(gone);
    flow.release(101);
    endTurn();
    expect(flow.waitingPublishers).toBe(0);
  });

  it('opens when what is held is for receivers that take nothing', () => {
    const { flow, endTurn } = scene();
    const receiver = new Receiver(flow, 1, 500);
    expect(flow.closed).toBe(true);
    receiver.stall();
    endTurn();
    expect([flow.closed, flow.heldBytes, flow.stalledBytes]).toEqual([false, 0, 500]);
    receiver.closeStalled();
    endTurn();
    expect([flow.closed, flow.heldBytes, flow.stalledBytes]).toEqual([false, 0, 0]);
  });
});

describe('stalled bytes past their bound', () => {
  it('close the receivers stalled longest, as many as it takes, and not before the end of the turn', () => {
    const { flow, endTurn } = scene();
    const receivers = [30, 10, 20].map((at) => new Receiver(flow, at, 450).stall());
    flow.holdStalled(200);
    expect(receivers.map((receiver) => receiver.closed)).toEqual([false, false, false]);
    endTurn();
    expect(receivers.map((receiver) => receiver.closed)).toEqual([false, true, true]);
    expect(flow.stalledBytes).toBe(650);
  });
});
