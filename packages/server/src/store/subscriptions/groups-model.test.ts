import { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { JSON_TYPE, type StoredEvent } from '../event.ts';
import type { Selector } from '../selector.ts';
import { compileSelector, type EventTest } from '../selectors/compile.ts';
import type { Consumer, ConsumerEnd, ConsumerSink, GroupStrategy, NackAction } from '../subscription.ts';
import { Rig } from './testing/rig.ts';

const NAME = 'sub';
const ACK_TIMEOUT_MS = 1000;
const MAX_RETRIES = 2;

type Step =
  | { do: 'append'; streams: number[] }
  | { do: 'join'; window: number; pull: boolean }
  | { do: 'leave'; who: number }
  | { do: 'ack'; who: number; which: number; count: number }
  | { do: 'nack'; who: number; which: number; action: NackAction }
  | { do: 'request'; who: number; count: number }
  | { do: 'advance'; ms: number }
  | { do: 'pause' | 'resume' | 'crash' | 'settle' }
  | { do: 'full' | 'empty' };

const small = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('append' as const), streams: fc.array(small, { maxLength: 6 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      window: fc.integer({ min: 1, max: 4 }),
      pull: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: small }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ack' as const), who: small, which: small, count: small }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('nack' as const),
      who: small,
      which: small,
      action: fc.constantFrom<NackAction>('retry', 'retry', 'retry', 'park', 'skip', 'stop'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('request' as const), who: small, count: small }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(100, 250, 600) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume' as const, 'crash' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('full' as const, 'empty' as const) }) },
);

/** A consumer that holds what it got until told what to do with it, and asks the model whether it should have got it. */
class Member implements ConsumerSink {
  consumer!: Consumer;
  readonly held: StoredEvent[] = [];
  demand = 0;
  ended: ConsumerEnd | null = null;
  /** With a service that has crashed. */
  isGone = false;
  readonly window: number;
  readonly pull: boolean;
  readonly #group: Model;

  constructor(group: Model, window: number, pull: boolean) {
    this.#group = group;
    this.window = window;
    this.pull = pull;
  }

  deliver(event: StoredEvent, attempt: number): void {
    if (this.isGone) return;
    this.#group.check(() => {
      expect(this.ended).toBeNull();
      expect(this.held.length).toBeLessThan(this.window);
      if (this.pull) expect(this.demand).toBeGreaterThan(0);
    });
    this.demand--;
    this.#group.delivered(this, event, attempt);
    this.held.push(event);
  }

  end(reason: ConsumerEnd): void {
    this.#group.check(() => expect(this.ended).toBeNull());
    this.ended = reason;
    this.#group.returned(this);
  }
}

/** The naive model: what became of each event, and what must hold whenever one is delivered. */
class Model {
  readonly rig: Rig;
  members: Member[] = [];
  readonly #strategy: GroupStrategy;
  readonly #test: EventTest;
  /** Matching positions by stream, in order. */
  readonly #streams = new Map<string, number[]>();
  readonly #positions: number[] = [];
  #known = 0;
  /** Ever answered for good: acknowledged, skipped, parked. */
  readonly done = new Set<number>();
  readonly parked = new Set<number>();
  /** In the life of this service: deliveries by position. */
  #attempts = new Map<number, number>();
  /** Refused with `retry` and not answered since: nothing later of the stream comes before its answer. */
  readonly #refused = new Set<number>();
  /** In the life of this service none of these comes again. */
  #doneNow = new Set<number>();
  #lastCheckpoint = -1;
  #failure: unknown = null;

  constructor(rig: Rig, strategy: GroupStrategy, selector: Selector) {
    this.rig = rig;
    this.#strategy = strategy;
    this.#test = compileSelector(selector);
  }

  /** A failure within a call from the service is kept: the service catches what sinks throw. */
  check(assertion: () => void): void {
    try {
      assertion();
    } catch (error) {
      this.#failure ??= error;
    }
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  get live(): Member[] {
    return this.members.filter(({ ended }) => ended === null);
  }

  delivered(member: Member, event: StoredEvent, attempt: number): void {
    const { position, stream } = event;
    this.check(() => {
      expect(this.#test(event)).toBe(true);
      expect(this.#doneNow.has(position), `${position} was done`).toBe(false);
      expect(attempt).toBe((this.#attempts.get(position) ?? 0) + 1);
      expect(attempt).toBeLessThanOrEqual(MAX_RETRIES + 1);
      for (const other of this.live) {
        expect(
          other.held.some((one) => one.position === position),
          'delivered twice at once',
        ).toBe(false);
        if (other === member || this.#strategy === 'round_robin') continue;
        if (this.#strategy === 'single') expect(other.held).toEqual([]);
        const holds = other.held.some((one) => one.stream === stream);
        expect(holds, `two consumers hold ${stream}`).toBe(false);
      }
      if (this.#strategy !== 'round_robin') this.#checkOrder(event, attempt);
    });
    this.#attempts.set(position, attempt);
  }

  #checkOrder({ position, stream }: StoredEvent, attempt: number): void {
    for (const earlier of this.#streams.get(stream) ?? []) {
      if (earlier >= position) break;
      if (this.#doneNow.has(earlier)) continue;
      expect(this.#attempts.has(earlier), `${position} came before ${earlier}`).toBe(true);
      expect(this.#refused.has(earlier) && attempt === 1, `${position} overtook ${earlier}`).toBe(false);
    }
  }

  returned(member: Member): void {
    for (const { position } of member.held) {
      const counts = !['closed', 'stopped', 'shutting_down'].includes(member.ended!);
      if (counts && this.#attempts.get(position)! > MAX_RETRIES) this.#park(position);
      else if (!counts) this.#attempts.set(position, Math.min(this.#attempts.get(position)!, MAX_RETRIES));
    }
    member.held.length = 0;
  }

  #park(position: number): void {
    this.parked.add(position);
    this.#finish(position);
  }

  #finish(position: number): void {
    this.done.add(position);
    this.#doneNow.add(position);
    this.#refused.delete(position);
  }

  ack(member: Member, which: number): void {
    const [event] = member.held.splice(which % member.held.length, 1);
    this.#finish(event!.position);
    member.consumer.ack(event!.position);
  }

  nack(member: Member, which: number, action: NackAction): void {
    const at = which % member.held.length;
    const event = member.held[at]!;
    const { position } = event;
    // With stop it stays in hand until the end comes.
    if (action !== 'stop') member.held.splice(at, 1);
    const gaveUp = action === 'retry' && this.#attempts.get(position)! > MAX_RETRIES;
    if (action === 'park' || gaveUp) this.#park(position);
    else if (action === 'skip') this.#finish(position);
    else if (action === 'retry') this.#refused.add(position);
    member.consumer.nack(position, action, action);
  }

  /** Before it can be delivered. */
  appending({ stream, type }: { stream: string; type: string }): void {
    const position = this.#known++;
    if (!this.#test({ stream, type, tags: [], data: null, contentType: JSON_TYPE })) return;
    this.#positions.push(position);
    const positions = this.#streams.get(stream) ?? [];
    positions.push(position);
    this.#streams.set(stream, positions);
  }

  checkCheckpoint(): void {
    const { checkpoint, lagEvents } = this.rig.info;
    expect(checkpoint).toBeGreaterThanOrEqual(this.#lastCheckpoint);
    expect(lagEvents).toBe(this.#known - 1 - checkpoint);
    this.#lastCheckpoint = checkpoint;
    for (const position of this.#positions) {
      if (position <= checkpoint)
        expect(this.done.has(position), `checkpoint ${checkpoint} passed ${position}`).toBe(true);
    }
  }

  async crash(): Promise<void> {
    for (const member of this.members) member.isGone = true;
    this.members = [];
    await this.rig.crash();
    const stored = await this.rig.stored();
    const { items } = await this.rig.engine.read('listParked', { name: NAME, after: -1, limit: 1000 });
    const parked = new Set(items.map(({ position }) => position));
    for (const position of this.#positions) {
      const isDone = position <= stored || parked.has(position);
      if (isDone) expect(this.done.has(position), `${position} was lost`).toBe(true);
      else this.done.delete(position);
    }
    for (const position of this.parked) {
      if (parked.has(position)) continue;
      expect(position, `${position} was passed before it was parked`).toBeGreaterThan(stored);
      this.parked.delete(position);
    }
    expect([...parked].sort()).toEqual([...this.parked].sort());
    this.#doneNow = new Set(this.done);
    this.#attempts = new Map();
    this.#refused.clear();
    this.#lastCheckpoint = stored;
    expect(this.rig.info.checkpoint).toBe(stored);
  }

  get undone(): number[] {
    return this.#positions.filter((position) => !this.done.has(position));
  }

  get known(): number {
    return this.#known;
  }
}

async function perform(model: Model, one: Step): Promise<void> {
  const { rig } = model;
  const { live } = model;
  const member = 'who' in one ? live[one.who % live.length] : undefined;
  switch (one.do) {
    case 'append':
      for (const stream of one.streams) {
        const event = { stream: `s${stream}`, type: `t${stream % 2}` };
        model.appending(event);
        await rig.appendEvent(event.stream, { type: event.type });
      }
      return;
    case 'join': {
      if (live.length >= 4) return;
      const joined = new Member(model, one.window, one.pull);
      model.members.push(joined);
      joined.consumer = rig.subscriptions.attach(NAME, { name: 'm', window: one.window, pull: one.pull }, joined);
      return;
    }
    case 'leave':
      member?.consumer.close();
      return;
    case 'ack':
      for (let i = 0; i < one.count && member !== undefined && member.held.length > 0; i++)
        model.ack(member, one.which);
      return;
    case 'nack':
      if (member !== undefined && member.held.length > 0) model.nack(member, one.which, one.action);
      return;
    case 'request':
      if (member?.pull !== true || one.count === 0) return;
      member.demand += one.count;
      member.consumer.request(one.count);
      return;
    case 'advance':
      return rig.advance(one.ms);
    case 'crash':
      return model.crash();
    case 'settle':
      return rig.settle();
    case 'full':
      // From here on nothing can be saved.
      rig.engine.fault = (operation) =>
        operation === 'saveProgress' ? new PlexusError('store_full', { file: 'f' }) : null;
      return;
    case 'empty':
      rig.engine.fault = null;
      return;
    default:
      await rig.subscriptions[one.do](NAME).catch((error) => expect(error).toMatchObject({ code: 'store_full' }));
  }
}

/** Lets everything come to an end with one consumer that acknowledges, and looks whether anything is missing. */
async function finish(model: Model): Promise<void> {
  const { rig } = model;
  rig.engine.fault = null;
  for (const member of model.live) member.consumer.close();
  await rig.subscriptions.resume(NAME);
  const last = new Member(model, 3, false);
  model.members.push(last);
  last.consumer = rig.subscriptions.attach(NAME, { name: 'last', window: 3 }, last);
  for (let i = 0; i < 500; i++) {
    await rig.settle();
    if (last.held.length === 0 && model.undone.length === 0) break;
    while (last.held.length > 0) model.ack(last, 0);
  }
  await rig.advance(2500);
  model.throwFailure();
  expect(model.undone).toEqual([]);
  expect(rig.info).toMatchObject({ checkpoint: model.known - 1, inFlight: 0, lagEvents: 0, parked: model.parked.size });
  expect((await rig.parked()).map(([position]) => position)).toEqual([...model.parked].sort((a, b) => a - b));
  expect(await rig.stored()).toBe(model.known - 1);
}

describe('consumer groups, at random', () => {
  const selector = fc.constantFrom<Selector>(
    { kind: 'all' },
    { kind: 'type', types: ['t1'] },
    { kind: 'pattern', pattern: 's*' },
  );

  it.each<GroupStrategy>(['by_stream', 'round_robin', 'single'])('%s does what the model says', async (strategy) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 80 }),
        selector,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 9 }),
        async (steps, selected, queueSize, maxLooked) => {
          const rig = await Rig.start({ maxLooked });
          const definition = { strategy, queueSize, maxRetries: MAX_RETRIES, ackTimeoutMs: ACK_TIMEOUT_MS };
          await rig.create({ selector: selected, ...definition });
          const model = new Model(rig, strategy, selected);
          for (const one of steps) {
            await perform(model, one);
            model.throwFailure();
            model.checkCheckpoint();
          }
          await finish(model);
        },
      ),
      seeded(150),
    );
  });
});
