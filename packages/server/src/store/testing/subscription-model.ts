import fc from 'fast-check';
import { expect } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { createLogger } from '../../lib/log.ts';
import { seeded } from '../../testing/seed.ts';
import type { Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import { matchesQuery } from '../query.ts';
import type { Selector } from '../selector.ts';
import type { Consumer, NackAction, NewSubscription } from '../subscription.ts';
import { StoreSubscriptionService } from '../subscriptions/service.ts';
import { append, type EngineUnderTest, type OpenEngine, plain } from './engine-steps.ts';
import { OverheardEngine } from './overheard-engine.ts';

const STREAMS = ['a', 'b', 'order-1', 'order-2'];
const TYPES = ['t', 'u'];
const TAGS = ['g', 'h'];
/** Turns of the event loop that everything has come to rest after. */
const TURNS = 12;
const ACK_TIMEOUT_MS = 5000;
/** Of real time, in which everything must have come. */
const END_MS = 15_000;

/** One subscription of each kind, and what its selector means in plain words. */
const KINDS: readonly (NewSubscription & { readonly wants: (event: StoredEvent) => boolean })[] = [
  { name: 'all', selector: { kind: 'all' }, wants: () => true },
  { name: 'stream', selector: { kind: 'stream', stream: 'a' }, wants: ({ stream }) => stream === 'a' },
  {
    name: 'type',
    selector: { kind: 'type', types: ['u'] },
    strategy: 'round_robin',
    wants: ({ type }) => type === 'u',
  },
  {
    name: 'pattern',
    selector: { kind: 'pattern', pattern: 'order-*' },
    wants: ({ stream }) => stream.startsWith('order-'),
  },
  {
    ...{ name: 'tags', selector: { kind: 'tags', match: 'all', tags: ['g', 'h'] }, strategy: 'single' },
    wants: ({ tags }) => tags.includes('g') && tags.includes('h'),
  },
  {
    ...{
      name: 'query',
      selector: { kind: 'query', query: [{ types: ['t'], tags: ['g'] }, { tags: ['h'] }] } as Selector,
    },
    wants: ({ type, tags }) => matchesQuery([{ types: ['t'], tags: ['g'] }, { tags: ['h'] }], type, tags),
  },
  {
    ...{ name: 'payload', selector: { kind: 'payload', where: { path: '$.n', op: 'gte', value: 5 } } },
    wants: ({ data }) => (data as { n: number }).n >= 5,
  },
];

type Step =
  | { readonly kind: 'append'; readonly events: readonly { stream: string; type: string; tags: string[]; n: number }[] }
  | { readonly kind: 'join'; readonly subscription: number; readonly window: number }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'ack'; readonly which: number; readonly count: number; readonly newestFirst: boolean }
  | { readonly kind: 'nack'; readonly which: number; readonly action: NackAction }
  | { readonly kind: 'pause' | 'resume'; readonly subscription: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'restart' | 'crash' | 'harm' };

const event = fc.record({
  ...{ stream: fc.constantFrom(...STREAMS), type: fc.constantFrom(...TYPES), n: fc.nat(9) },
  tags: fc.subarray(TAGS),
});
const subscription = fc.nat(KINDS.length - 1);
const which = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      events: fc.array(event, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('join' as const), subscription, window: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), which }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      which,
      count: fc.integer({ min: 1, max: 6 }),
      newestFirst: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('nack' as const),
      which,
      action: fc.constantFrom('retry' as const, 'park' as const, 'skip' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), subscription }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.constantFrom(10, 300, 1500, ACK_TIMEOUT_MS + 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'crash' as const, 'harm' as const) }) },
);

/** A consumer of the test, with what it has not answered. */
class Member {
  readonly inHand: StoredEvent[] = [];
  readonly window: number;
  consumer: Consumer | null = null;
  gone = false;
  /** Of a service that has crashed: a real process would be gone, this one may still get what it was reading. */
  isOfDeadService = false;

  constructor(window: number) {
    this.window = window;
  }
}

/** What the test knows of one subscription: the naive side of the comparison. */
class Watched {
  readonly kind: (typeof KINDS)[number];
  members: Member[] = [];
  /** Positions that are over: acknowledged, skipped or parked. */
  readonly over = new Set<number>();
  /** Over since the service began: these never come again in its life. */
  readonly overNow = new Set<number>();

  constructor(kind: (typeof KINDS)[number]) {
    this.kind = kind;
  }

  /** Judges a delivery as it happens. */
  delivered(to: Member, given: StoredEvent, all: readonly StoredEvent[]): void {
    const { name, wants, strategy } = this.kind;
    const where = `${given.position} to ${name}`;
    expect(to.gone, `${where}: after the end`).toBe(false);
    expect(plain(given), where).toEqual(plain(all[given.position]!));
    expect(wants(given), `${where}: is not wanted`).toBe(true);
    expect(this.overNow.has(given.position), `${where}: was over`).toBe(false);
    const living = this.members.filter((member) => !member.gone);
    const held = living.flatMap((member) => member.inHand.map(({ position }) => position));
    expect(held.includes(given.position), `${where}: is in hand already`).toBe(false);
    if (strategy !== 'round_robin') {
      for (const other of living.filter((member) => member !== to)) {
        expect(
          other.inHand.some(({ stream }) => stream === given.stream),
          `${where}: another has its stream`,
        ).toBe(false);
      }
      const before = all.filter((one) => one.stream === given.stream && one.position < given.position && wants(one));
      const early = before.find(
        ({ position }) => !this.over.has(position) && !to.inHand.some((one) => one.position === position),
      );
      expect(early?.position, `${where}: comes before one of its stream`).toBeUndefined();
    }
    to.inHand.push(given);
    expect(to.inHand.length, `${where}: over the window`).toBeLessThanOrEqual(to.window);
  }
}

/** Random appends, consumers, answers, and deaths; each delivery is judged, and in the end everything must have come. */
export async function deliversToAll(open: OpenEngine, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const run = new SubscriptionRun(await open());
      try {
        await run.start();
        for (const one of steps) await run.do(one);
        await run.finish();
      } finally {
        await run.end();
      }
    }),
    seeded(runs),
  );
}

class SubscriptionRun {
  readonly #test: EngineUnderTest;
  #engine: Engine;
  #clock = new FakeClock();
  #service: StoreSubscriptionService | null = null;
  readonly #watched = KINDS.map((kind) => new Watched(kind));
  #all: StoredEvent[] = [];
  /** What went wrong in a delivery, which must not throw. */
  readonly #faults: unknown[] = [];

  constructor(test: EngineUnderTest) {
    this.#test = test;
    this.#engine = test.engine;
  }

  async start(): Promise<void> {
    await this.#begin();
    for (const { wants: _, ...definition } of KINDS) {
      await this.#service!.subscriptions.create({
        ...definition,
        ackTimeoutMs: ACK_TIMEOUT_MS,
        poolSize: 100,
        maxRetries: 1000,
      });
    }
  }

  async do(one: Step): Promise<void> {
    if (one.kind === 'append') await this.#append(one.events);
    else if (one.kind === 'join') this.#join(this.#watched[one.subscription]!, one.window);
    else if (one.kind === 'leave') this.#leave(one.which);
    else if (one.kind === 'ack') this.#ack(one.which, one.count, one.newestFirst);
    else if (one.kind === 'nack') this.#nack(one.which, one.action);
    else if (one.kind === 'time') await this.#pass(one.ms);
    else if (one.kind === 'pause' || one.kind === 'resume') {
      await this.#service!.subscriptions[one.kind](KINDS[one.subscription]!.name);
    } else if (one.kind === 'harm') await this.#test.harm?.();
    else await this.#reborn(one.kind);
    await this.#rest();
    expect(this.#faults).toEqual([]);
    this.#checkpointsHold();
  }

  /** Everything that was not over comes to a consumer that takes everything. */
  async finish(): Promise<void> {
    for (const watched of this.#watched) {
      await this.#service!.subscriptions.resume(watched.kind.name);
      if (!watched.members.some((member) => !member.gone)) this.#join(watched, 5);
    }
    const deadline = performance.now() + END_MS;
    for (let quiet = 0; quiet < 5; ) {
      await this.#pass(400);
      const living = this.#watched.flatMap(({ members }) => members.filter((member) => !member.gone));
      const held = living.filter((member) => member.inHand.length > 0);
      for (const member of held) this.#ackOf(member, 5, false);
      expect(this.#faults).toEqual([]);
      const missing = this.#watched.flatMap((watched) => this.#missing(watched));
      quiet = held.length === 0 && missing.length === 0 ? quiet + 1 : 0;
      if (performance.now() > deadline) expect(missing, 'what never came').toEqual([]);
      expect(performance.now(), 'it never comes to rest').toBeLessThan(deadline + END_MS);
    }
    this.#checkpointsHold();
  }

  #missing({ kind, over }: Watched): string[] {
    const missing = this.#all.filter((one) => kind.wants(one) && !over.has(one.position));
    return missing.map(({ position }) => `${position} to ${kind.name}`);
  }

  async end(): Promise<void> {
    await this.#service?.stop();
    await this.#test.close();
  }

  async #begin(): Promise<void> {
    this.#clock = new FakeClock();
    // Deliveries may come before the answer of the append: what they are compared with must be known by then.
    const engine = new OverheardEngine(this.#engine, (events) => this.#all.push(...events));
    this.#service = new StoreSubscriptionService({
      ...{ engine, storeName: 'test', clock: this.#clock, log: createLogger({ level: 'silent' }) },
    });
    await this.#service.start();
  }

  /** The service and the engine end, in order or not, and others take their place. */
  async #reborn(how: 'restart' | 'crash'): Promise<void> {
    if (how === 'restart') await this.#service!.stop();
    for (const watched of this.#watched) {
      for (const member of watched.members) {
        member.gone = true;
        member.isOfDeadService = how === 'crash';
      }
      watched.members = [];
    }
    if (how === 'crash') {
      this.#engine.listener = null;
      this.#engine = (await this.#test.crash?.()) ?? this.#engine;
    } else this.#engine = (await this.#test.reopen?.()) ?? this.#engine;
    for (const watched of this.#watched) watched.overNow.clear();
    await this.#begin();
  }

  async #append(events: readonly { stream: string; type: string; tags: string[]; n: number }[]): Promise<void> {
    const before = this.#all.length;
    await Promise.all(
      events.map(({ stream, type, tags, n }) => append(this.#engine, stream, [{ type, tags, data: { n } }])),
    );
    expect(this.#all.length).toBe(before + events.length);
  }

  #join(watched: Watched, window: number): void {
    const member = new Member(window);
    watched.members.push(member);
    member.consumer = this.#service!.subscriptions.attach(
      watched.kind.name,
      { name: 'member', window },
      {
        deliver: (given) => {
          if (member.isOfDeadService) return;
          try {
            watched.delivered(member, given, this.#all);
          } catch (error) {
            this.#faults.push(error);
          }
        },
        end: () => {
          member.gone = true;
        },
      },
    );
  }

  #living(): Member[] {
    return this.#watched.flatMap(({ members }) => members.filter((member) => !member.gone && member.consumer !== null));
  }

  #leave(which: number): void {
    const living = this.#living();
    const member = living[which % Math.max(living.length, 1)];
    if (member === undefined) return;
    member.gone = true;
    member.consumer!.close();
  }

  #ack(which: number, count: number, newestFirst: boolean): void {
    const living = this.#living().filter(({ inHand }) => inHand.length > 0);
    const member = living[which % Math.max(living.length, 1)];
    if (member !== undefined) this.#ackOf(member, count, newestFirst);
  }

  #ackOf(member: Member, count: number, newestFirst: boolean): void {
    for (let i = 0; i < count && !member.gone && member.inHand.length > 0; i++) {
      const given = newestFirst ? member.inHand.pop()! : member.inHand.shift()!;
      this.#isOver(member, given.position);
      member.consumer!.ack(given.position);
    }
  }

  #nack(which: number, action: NackAction): void {
    const living = this.#living().filter(({ inHand }) => inHand.length > 0);
    const member = living[which % Math.max(living.length, 1)];
    if (member === undefined) return;
    const given = member.inHand.shift()!;
    if (action !== 'retry') this.#isOver(member, given.position);
    member.consumer!.nack(given.position, action, 'because');
  }

  #isOver(member: Member, position: number): void {
    const watched = this.#watched.find(({ members }) => members.includes(member))!;
    watched.over.add(position);
    watched.overNow.add(position);
  }

  async #pass(ms: number): Promise<void> {
    this.#clock.advance(ms);
    await this.#rest();
  }

  async #rest(): Promise<void> {
    for (let i = 0; i < TURNS; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#clock.advance(0);
    }
  }

  /** No checkpoint is beyond an event that is wanted and not over. */
  #checkpointsHold(): void {
    for (const { kind, over } of this.#watched) {
      const { checkpoint } = this.#service!.subscriptions.get(kind.name);
      const open = this.#all.find((one) => kind.wants(one) && !over.has(one.position));
      if (open !== undefined) expect(checkpoint, `${kind.name}: its checkpoint`).toBeLessThan(open.position);
    }
  }
}
