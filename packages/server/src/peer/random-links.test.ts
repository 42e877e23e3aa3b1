import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { seeded } from '../testing/seed.ts';
import type { PairedChannel } from './testing/channel-pair.ts';
import { connect, LinkEnd } from './testing/link-end.ts';

const WINDOW_BYTES = 3000;

type Step =
  | { do: 'loose' | 'held'; from: 0 | 1; size: number }
  | { do: 'advance'; ms: number }
  | { do: 'cut' | 'mute' | 'connect' | 'both' }
  | { do: 'park' | 'open' | 'few' | 'unpark' | 'hoard' | 'deal'; at: 0 | 1 };

const side = fc.constantFrom<0 | 1>(0, 1);
const size = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 1, arbitrary: fc.integer({ min: 15_000, max: 40_000 }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom<'loose' | 'held'>('loose', 'held'), from: side, size }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant<'advance'>('advance'), ms: fc.integer({ min: 0, max: 12 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant<'advance'>('advance'), ms: fc.integer({ min: 100, max: 4000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom<'cut' | 'mute' | 'connect' | 'both'>('cut', 'mute', 'connect', 'both'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom<'park' | 'open' | 'few' | 'unpark' | 'hoard' | 'deal'>(
        'park',
        'open',
        'few',
        'unpark',
        'hoard',
        'deal',
      ),
      at: side,
    }),
  },
);

const plan = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 120 }),
  /** Bytes of chunks, used in turn. */
  chunks: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
  /** Of channels, used in turn: a new one may be slower than the one whose place it takes. */
  latencies: fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 4 }),
  version: fc.constantFrom(1, 2),
});

/** One end, and what it should come to. */
class Side {
  readonly end: LinkEnd;
  /** Texts in the order they were sent, and whether they must arrive. */
  readonly sent: { text: string; held: boolean }[] = [];
  slots = 0;
  /** Numbers it was given and has not dealt with; null: it deals with everything at once. */
  hoard: number[] | null = null;
  #openBytes = 0;

  constructor(clock: FakeClock, name: string) {
    this.end = new LinkEnd(clock, name, { windowBytes: WINDOW_BYTES, maxQueuedBytes: 5000, maxHeldBytes: 20_000 });
    this.end.deal = (data) => {
      // What came before this frame was within the window: it alone may go beyond.
      expect(this.#openBytes).toBeLessThan(WINDOW_BYTES);
      if (this.hoard === null) this.end.link!.done(data.number, data.number % 2);
      else {
        this.hoard.push(data.number);
        this.#openBytes += data.text.length;
      }
    };
  }

  send(held: boolean, size: number): void {
    const text = `${this.sent.length}:${'.'.repeat(size)}`;
    if (held) this.end.held(text, this.slots++);
    else if (!this.end.loose(text)) return;
    this.sent.push({ text: (held ? 'H' : 'L') + text, held });
  }

  /** Deals with what it has hoarded, the newest first. */
  deal(): void {
    const hoard = this.hoard ?? [];
    this.hoard = null;
    this.#openBytes = 0;
    for (const number of hoard.reverse()) this.end.link!.done(number, number % 2);
  }
}

/** Takes more or less of what comes. */
function act(side: Side, what: 'park' | 'open' | 'few' | 'unpark' | 'hoard' | 'deal'): void {
  const { end } = side;
  if (what === 'hoard') side.hoard ??= [];
  else if (what === 'deal') side.deal();
  else if (what === 'park') end.accepts = () => false;
  // What came before it still waits.
  else if (what === 'open') end.accepts = () => true;
  else {
    let left = what === 'few' ? 3 : Number.POSITIVE_INFINITY;
    end.accepts = () => left-- > 0;
    end.link!.resumeData();
  }
}

describe('two links over channels that come and go', () => {
  it('bring held frames exactly once and in order, loose ones at most once and in order, and meet every slot once', () => {
    fc.assert(
      fc.property(plan, ({ steps, chunks, latencies, version }) => {
        const clock = new FakeClock();
        const sides = [new Side(clock, 'a'), new Side(clock, 'b')] as const;
        sides[0].end.newestVersion = version;
        let next = 0;
        let dials = 0;
        let channel: PairedChannel | null = null;
        const dial = (from: 0 | 1): void => {
          const latencyMs = latencies[dials++ % latencies.length]!;
          const pair = { latencyMs, roomBytes: 2000, chunk: () => chunks[next++ % chunks.length]! };
          channel = connect(sides[from].end, sides[1 - from]!.end, pair);
        };
        dial(0);
        clock.advance(100);
        const first = sides.map(({ end }) => end.link!);

        for (const action of steps) {
          if (action.do === 'loose' || action.do === 'held') sides[action.from].send(action.do === 'held', action.size);
          else if (action.do === 'advance') clock.advance(action.ms);
          else if (action.do === 'cut') channel!.cut();
          else if (action.do === 'mute') channel!.mute = true;
          else if (action.do === 'connect') dial(dials % 2 === 0 ? 0 : 1);
          else if ('at' in action) act(sides[action.at], action.do);
          else {
            dial(0);
            dial(1);
          }
        }

        channel!.cut();
        clock.advance(6000);
        for (let i = 0; i < 3; i++) {
          if (sides.some(({ end }) => end.link!.state !== 'up')) dial(0);
          clock.advance(500);
        }
        for (const { end } of sides) {
          end.accepts = () => true;
          end.link!.resumeData();
        }
        for (let i = 0; i < 5; i++) {
          for (const each of sides) each.deal();
          clock.advance(300);
        }

        for (const [i, { end, sent, slots }] of sides.entries()) {
          // Nothing that happened was a reason for a new link.
          expect(end.link).toBe(first[i]);
          expect(end.link!.state).toBe('up');
          const other = sides[1 - i]!.end;
          const arrived = other.data.map(({ text }) => text);
          expect(arrived.filter((text) => text[0] === 'H')).toEqual(
            sent.filter(({ held }) => held).map(({ text }) => text),
          );
          const order = new Map(sent.map(({ text }, place) => [text, place]));
          const places = arrived.map((text) => order.get(text)!);
          expect(places).toEqual([...new Set(places)].sort((x, y) => x - y));
          expect(end.met.map(({ slot }) => slot)).toEqual(Array.from({ length: slots }, (_, slot) => slot));
          const reasons = other.data.filter(({ held }) => held).map(({ number }) => number % 2);
          expect(end.met.map(({ reason }) => reason)).toEqual(reasons);
          expect(end.link!.heldBytes).toBe(0);
          expect(end.link!.queuedBytes).toBe(0);
        }
      }),
      seeded(300),
    );
  });
});
