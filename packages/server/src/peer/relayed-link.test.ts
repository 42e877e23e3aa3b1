import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { seeded } from '../testing/seed.ts';
import type { ChannelTransport } from './channel.ts';
import type { PairedChannel } from './testing/channel-pair.ts';
import { connect, LinkEnd } from './testing/link-end.ts';
import { scene, texts, upTo } from './testing/link-scene.ts';

const WINDOW_BYTES = 600;

type Step =
  | { do: 'loose' | 'held'; from: 0 | 1; size: number; count: number }
  | { do: 'advance'; ms: number }
  | { do: 'cut' | 'connect' | 'both' }
  | { do: 'stop' | 'go'; at: 0 | 1 };

const side = fc.constantFrom<0 | 1>(0, 1);
const size = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 1, arbitrary: fc.integer({ min: 15_000, max: 20_000 }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom<'loose' | 'held'>('loose', 'loose', 'loose', 'held'),
      from: side,
      size,
      count: fc.integer({ min: 1, max: 15 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant<'advance'>('advance'), ms: fc.integer({ min: 0, max: 30 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom<'cut' | 'connect' | 'both'>('cut', 'connect', 'both') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom<'stop' | 'go'>('stop', 'go'), at: side }) },
);

const plan = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 120 }),
  chunks: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
  latencies: fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 4 }),
  /** Whether the link comes to a direct channel at the end of it. */
  becomesDirect: fc.boolean(),
});

describe('two links over relayed channels that come and go', () => {
  it('bring every frame exactly once and in order, loose ones too', () => {
    fc.assert(
      fc.property(plan, ({ steps, chunks, latencies, becomesDirect }) => {
        const clock = new FakeClock();
        const options = { windowBytes: WINDOW_BYTES, maxQueuedBytes: 4_000_000 };
        const ends = [new LinkEnd(clock, 'a', options), new LinkEnd(clock, 'b', options)] as const;
        const sent: [string[], string[]] = [[], []];
        let next = 0;
        let dials = 0;
        let channel: PairedChannel | null = null;
        const dial = (from: 0 | 1, transport: ChannelTransport = 'relay'): void => {
          const latencyMs = latencies[dials++ % latencies.length]!;
          const pair = { latencyMs, roomBytes: 2000, chunk: () => chunks[next++ % chunks.length]!, transport };
          channel = connect(ends[from], ends[1 - from]!, pair);
        };
        dial(0);
        clock.advance(100);

        for (const action of steps) {
          if (action.do === 'loose' || action.do === 'held') {
            for (let i = 0; i < action.count; i++) {
              const texts = sent[action.from];
              const text = `${texts.length}:${'.'.repeat(action.size)}`;
              texts.push((action.do === 'held' ? 'H' : 'L') + text);
              if (action.do === 'held') ends[action.from].held(text, 0);
              else expect(ends[action.from].loose(text)).toBe(true);
            }
          } else if (action.do === 'advance') clock.advance(action.ms);
          else if (action.do === 'cut') channel!.cut();
          else if (action.do === 'connect') dial(dials % 2 === 0 ? 0 : 1);
          else if ('at' in action) {
            const end = ends[action.at];
            end.accepts = () => action.do === 'go';
            if (action.do === 'go') end.link!.resumeData();
          } else {
            dial(0);
            dial(1);
          }
        }

        clock.advance(200);
        dial(0, becomesDirect ? 'tcp' : 'relay');
        for (const end of ends) end.accepts = () => true;
        for (const end of ends) end.link!.resumeData();
        clock.advance(20_000);
        for (const end of ends) expect(end.link!.state).toBe('up');
        expect(texts(ends[1])).toEqual(sent[0]);
        expect(texts(ends[0])).toEqual(sent[1]);
      }),
      seeded(300),
    );
  });
});

describe('a relayed link', () => {
  const relay = { pair: { transport: 'relay' as const } };
  const sendLoose = (end: LinkEnd, from: number, count: number): void => {
    for (const i of upTo(count)) end.loose(`${from + i}`);
  };
  const numbered = (count: number): string[] => upTo(count).map((i) => `L${i}`);

  it('sends loose frames again that were under way when its channel broke', () => {
    const { clock, a, b, channel } = scene(relay);
    sendLoose(a, 0, 3);
    clock.advance(10);
    sendLoose(a, 3, 4);
    channel.mute = true;
    clock.advance(10);
    channel.cut();
    sendLoose(a, 7, 2);
    clock.advance(10);
    connect(a, b, relay.pair);
    clock.advance(100);
    expect(texts(b)).toEqual(numbered(9));
    expect(a.link!.info().resent).toBe(6);
  });

  it('goes on over a direct channel with all of them, and keeps none there', () => {
    const { clock, a, b, channel } = scene(relay);
    channel.mute = true;
    sendLoose(a, 0, 5);
    clock.advance(10);
    const direct = connect(b, a);
    clock.advance(100);
    expect(texts(b)).toEqual(numbered(5));
    direct.mute = true;
    direct.other!.mute = true;
    sendLoose(a, 5, 1);
    clock.advance(10);
    connect(a, b);
    clock.advance(100);
    a.loose('6');
    clock.advance(10);
    expect(texts(b)).toEqual([...numbered(5), 'L6']);
  });

  it('keeps no more than the credit of the peer covers', () => {
    const windowBytes = 64 * 1024;
    const { clock, a, b, channel } = scene({ ...relay, a: { windowBytes }, b: { windowBytes } });
    const body = 'x'.repeat(1000);
    for (let i = 0; i < 1000; i++) {
      a.loose(body);
      clock.advance(2);
    }
    channel.cut();
    clock.advance(10);
    const received = b.data.length;
    // As if it had got none of what it has not paid for yet.
    const known = b.known.bind(b);
    b.known = (...args) => {
      const link = known(...args);
      return link === null ? null : { ...link, lastReceived: 0 };
    };
    connect(a, b, relay.pair);
    clock.advance(100);
    expect(b.data.length).toBe(received);
    expect(a.link!.info().resent).toBeLessThan((windowBytes * 1.3) / body.length);
    expect(a.link!.info().resent).toBeGreaterThan(0);
  });
});
