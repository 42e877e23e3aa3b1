import { describe, expect, it } from 'vitest';
import { ByteSink } from '../lib/byte-sink.ts';
import { systemClock as clock } from '../lib/clock.ts';
import { UuidV7 } from '../lib/uuid.ts';
import type { AppendResult } from '../store/append.ts';
import { writeFrame } from '../store/frame.ts';
import type { Page } from '../store/reads.ts';
import { writeRecord } from '../store/record.ts';
import { CommittedFeed } from './committed-feed.ts';
import type { WriteBatch } from './messages.ts';
import { WriteQueue } from './write-queue.ts';

const ids = new UuidV7(() => clock.wallMs());

function page(from: number, to: number): Page {
  const sink = new ByteSink(64);
  for (let position = from; position <= to; position++) {
    const record = new ByteSink(64);
    writeRecord(record, 's', { type: 't' }, ids);
    const header = { position, version: position, timeUs: 1, stream: 1, type: 1, tags: [], part: 0 };
    writeFrame(sink, header, record.take());
  }
  return { bytes: sink.take(), count: to - from + 1, next: null, lastPosition: to };
}

/** A feed behind a queue; its reads are answered when the test says so. */
class Rig {
  readonly heard: number[] = [];
  readonly posted: WriteBatch[] = [];
  settled = 0;
  /** Last position of the store. */
  end = -1;
  readonly #reads: (() => void)[] = [];
  readonly queue = new WriteQueue({
    ...{ store: 'test', clock, random: () => 0, timeoutMs: 5000, retryMs: 5000, ids, queueBytes: 1e6 },
    ...{ settleRepeated: () => {}, onError: () => {} },
  });
  readonly feed = new CommittedFeed({
    clock,
    onFault: (error) => {
      throw error;
    },
    settle: (batch, answer) => {
      this.settled++;
      this.queue.inFlight.settle(batch, answer);
    },
    readFrom: (from) => new Promise((resolve) => this.#reads.push(() => resolve(page(from, this.end)))),
  });

  constructor() {
    this.feed.listener = { committed: (events) => this.heard.push(...events.map(({ position }) => position)) };
    this.feed.opened(-1, true);
  }

  async read(): Promise<void> {
    while (this.#reads.length > 0) {
      for (const answer of this.#reads.splice(0)) answer();
      await new Promise((resolve) => clock.setImmediate(() => resolve(null)));
    }
  }

  up(): void {
    this.queue.inFlight.up({ thread: 1, post: (message: unknown) => this.posted.push(message as WriteBatch) } as never);
  }

  /** The writer has died, having committed up to `end`; another is there, and has what it is sent in hand. */
  async next(end: number): Promise<void> {
    this.queue.inFlight.down();
    this.end = end;
    this.feed.opened(end, false);
    this.up();
    await new Promise((resolve) => clock.setTimeout(() => resolve(null), 150));
  }

  append(): Promise<AppendResult> {
    return this.queue.append({ writes: [{ stream: 's', events: [{ type: 't' }] }] });
  }

  /** The writer answers the last batch that it was given. */
  done(position: number, duplicate: 0 | 1): void {
    const { batch: number, buffer } = this.posted.at(-1)!;
    const batch = this.queue.inFlight.answered(number)!;
    const results = Float64Array.of(position, 1, duplicate, position);
    this.feed.answered(batch, { kind: 'done', batch: number, buffer, results, others: [], errors: [] });
  }
}

const turn = (): Promise<unknown> => new Promise((resolve) => clock.setTimeout(() => resolve(null), 5));

describe('what writers committed and did not live to answer', () => {
  it('is shown once, though another dies while it is read', async () => {
    const rig = new Rig();
    rig.end = 2;
    rig.feed.opened(2, false);
    rig.end = 4;
    rig.feed.opened(4, false);
    await rig.read();
    expect(rig.heard).toEqual([0, 1, 2, 3, 4]);
    expect(rig.feed.lastPosition).toBe(4);
  });

  it('is settled once: what was answered, and waits to be shown, is not sent to the next', async () => {
    const rig = new Rig();
    rig.up();
    const first = rig.append();
    await turn();
    await rig.next(0);
    expect(rig.posted).toHaveLength(2);
    rig.done(0, 1);
    const second = rig.append();
    await turn();
    rig.done(1, 0);
    await rig.next(1);
    expect(rig.posted).toHaveLength(3);
    await rig.read();
    expect([(await first).position, (await second).position]).toEqual([0, 1]);
    expect([rig.heard, rig.settled, rig.queue.bytes]).toEqual([[0, 1], 2, 0]);
  });
});
