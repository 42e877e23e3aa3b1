import fc from 'fast-check';
import { expect } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { createLogger } from '../../lib/log.ts';
import { seeded } from '../../testing/seed.ts';
import type { Engine } from '../engine.ts';
import type { StoredEvent } from '../event.ts';
import type { StoreSubscriptions } from '../store.ts';
import type { NackAction, StartFrom } from '../subscription.ts';
import { StoreSubscriptionService } from '../subscriptions/service.ts';
import { type EngineUnderTest, type OpenEngine, plain, refusal } from './engine-steps.ts';
import { OverheardEngine } from './overheard-engine.ts';
import { ACK_TIMEOUT_MS, KINDS, type Step, step, type Written } from './subscription-steps.ts';
import { Member, sorted, Watched } from './watched-subscription.ts';

/** Turns of the event loop that everything has come to rest after. */
const TURNS = 12;
/** Of real time, in which everything must have come. */
const END_MS = 15_000;

/** Random appends, consumers, answers, and deaths; each delivery is judged, and in the end everything must have come. */
export async function deliversToAll(open: OpenEngine, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }), async (steps) => {
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
  /** Streams with a tombstone. */
  readonly #buried = new Set<string>();
  /** What went wrong in a delivery, which must not throw. */
  readonly #faults: unknown[] = [];

  constructor(test: EngineUnderTest) {
    this.#test = test;
    this.#engine = test.engine;
  }

  async start(): Promise<void> {
    await this.#begin();
    for (const kind of KINDS) await this.#create(kind, 'start');
  }

  async #create({ wants: _, ...definition }: (typeof KINDS)[number], from: StartFrom): Promise<void> {
    const limits = { ackTimeoutMs: ACK_TIMEOUT_MS, poolSize: 100, maxRetries: 1000 };
    await this.#service!.subscriptions.create({ ...definition, ...limits, from });
  }

  async do(one: Step): Promise<void> {
    if (one.kind === 'append') await this.#append(one.appends);
    else if (one.kind === 'delete') await this.#delete(one.stream, one.tombstone);
    else if (one.kind === 'reset' || one.kind === 'recreate') await this.#startOver(one);
    else if (one.kind === 'parked') await this.#showsParked(this.#withParked(one.which), one.limit);
    else if (one.kind === 'replay') await this.#replay(this.#withParked(one.which), one.picks);
    else if (one.kind === 'drop') await this.#drop(this.#withParked(one.which), one.picks);
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
    }
    const deadline = performance.now() + END_MS;
    for (let quiet = 0; quiet < 5; ) {
      // The last one may go here too, for what it did not answer before.
      for (const watched of this.#watched) if (watched.members.every((member) => member.gone)) this.#join(watched, 5);
      await this.#pass(400);
      const living = this.#watched.flatMap(({ members }) => members.filter((member) => !member.gone));
      const held = living.filter((member) => member.inHand.length > 0);
      for (const member of held) this.#ackOf(member, 5, false);
      expect(this.#faults).toEqual([]);
      const missing = this.#watched.flatMap((watched) => watched.missing(this.#all));
      quiet = held.length === 0 && missing.length === 0 ? quiet + 1 : 0;
      if (performance.now() > deadline) expect(missing, 'what never came').toEqual([]);
      expect(performance.now(), 'it never comes to rest').toBeLessThan(deadline + END_MS);
    }
    this.#checkpointsHold();
    for (const watched of this.#watched) await this.#showsParked(watched, 1000);
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
    for (const watched of this.#watched) {
      watched.reborn(await this.#listParked(watched, 1000), how === 'restart');
    }
  }

  async #append(appends: readonly (readonly Written[])[]): Promise<void> {
    const before = this.#all.length;
    const added = await Promise.all(
      appends.map(async (written) => {
        const writes = written.map(({ stream, events }) => ({
          stream,
          events: events.map(({ type, tags, n }) => ({ type, tags, data: { n } })),
        }));
        if (writes.some(({ stream }) => this.#buried.has(stream))) {
          expect((await refusal(this.#engine.append({ writes }))).code).toBe('stream_tombstoned');
          return 0;
        }
        await this.#engine.append({ writes });
        return writes.reduce((sum, { events }) => sum + events.length, 0);
      }),
    );
    expect(this.#all.length).toBe(added.reduce((sum, count) => sum + count, before));
  }

  /** Subscriptions do not mind: the events stay in the store. */
  async #delete(stream: string, tombstone: boolean): Promise<void> {
    const isThere = this.#all.some((one) => one.stream === stream) && !this.#buried.has(stream);
    const deleting = this.#engine.write('deleteStream', { stream, tombstone });
    if (!isThere) {
      const code = this.#buried.has(stream) ? 'stream_tombstoned' : 'stream_not_found';
      expect((await refusal(deleting)).code).toBe(code);
      return;
    }
    await deleting;
    if (tombstone) this.#buried.add(stream);
  }

  async #startOver({ kind, subscription, from }: Extract<Step, { kind: 'reset' | 'recreate' }>): Promise<void> {
    const watched = this.#watched[subscription]!;
    const { name } = watched.kind;
    if (kind === 'reset') await this.#service!.subscriptions.reset(name, from);
    else {
      await this.#service!.subscriptions.delete(name);
      await this.#create(watched.kind, from);
    }
    expect(
      watched.members.every((member) => member.gone),
      `${name}: keeps a consumer`,
    ).toBe(true);
    const begin = { start: 0, now: this.#all.length }[from as string] ?? (from as number);
    watched.restarted(begin);
    expect(this.#service!.subscriptions.get(name).checkpoint, `${name}: where it goes on`).toBe(begin - 1);
  }

  async #listParked({ kind: { name } }: Watched, limit: number): Promise<number[]> {
    const positions: number[] = [];
    for (let after: number | null = -1; after !== null; ) {
      const page: Awaited<ReturnType<StoreSubscriptions['listParked']>> = await this.#service!.subscriptions.listParked(
        name,
        after,
        limit,
      );
      for (const { event, reason } of page.items) {
        expect(plain(event)).toEqual(plain(this.#all[event.position]!));
        expect(reason).toBe('because');
        positions.push(event.position);
      }
      after = page.next;
    }
    return positions;
  }

  async #showsParked(watched: Watched, limit: number): Promise<void> {
    const { name } = watched.kind;
    expect(await this.#listParked(watched, limit), `${name}: what is parked`).toEqual(sorted(watched.parked));
    expect(this.#service!.subscriptions.get(name).parked, `${name}: how many are parked`).toBe(watched.parked.size);
    watched.written();
  }

  /** Delivers parked events again: those that are not on their way already. */
  async #replay(watched: Watched, picks: readonly number[] | null): Promise<void> {
    const { positions, parked } = picked(watched, picks);
    const due = parked.filter((position) => !watched.replaying.has(position));
    // They may come before the answer.
    for (const position of due) watched.replaying.add(position);
    const { name } = watched.kind;
    expect(await this.#service!.subscriptions.replayParked(name, positions), `${name}: replayed`).toBe(due.length);
    watched.written();
  }

  async #drop(watched: Watched, picks: readonly number[] | null): Promise<void> {
    const { positions, parked } = picked(watched, picks);
    const { name } = watched.kind;
    expect(await this.#service!.subscriptions.dropParked(name, positions), `${name}: dropped`).toBe(parked.length);
    watched.dropped(parked);
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
      this.#watchedOf(member).answered(given.position, 'ack');
      member.consumer!.ack(given.position);
    }
  }

  #nack(which: number, action: NackAction): void {
    const living = this.#living().filter(({ inHand }) => inHand.length > 0);
    const member = living[which % Math.max(living.length, 1)];
    if (member === undefined) return;
    const given = member.inHand.shift()!;
    this.#watchedOf(member).answered(given.position, action);
    member.consumer!.nack(given.position, action, 'because');
  }

  /** One that has something parked, if there is any. */
  #withParked(which: number): Watched {
    const some = this.#watched.filter(({ parked }) => parked.size > 0);
    const among = some.length > 0 ? some : this.#watched;
    return among[which % among.length]!;
  }

  #watchedOf(member: Member): Watched {
    return this.#watched.find(({ members }) => members.includes(member))!;
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
    for (const watched of this.#watched) {
      const { name } = watched.kind;
      const { checkpoint } = this.#service!.subscriptions.get(name);
      const open = this.#all.find((one) => watched.wants(one) && !watched.over.has(one.position));
      if (open !== undefined) expect(checkpoint, `${name}: its checkpoint`).toBeLessThan(open.position);
    }
  }
}

/** What a replay or a drop is asked for, and which of that is parked. */
function picked(
  { parked }: Watched,
  picks: readonly number[] | null,
): { positions: number[] | null; parked: number[] } {
  const all = sorted(parked);
  if (picks === null) return { positions: null, parked: all };
  const positions = picks.map((pick) => (pick % 2 === 0 ? (all[(pick / 2) % Math.max(all.length, 1)] ?? pick) : pick));
  return { positions, parked: all.filter((position) => positions.includes(position)) };
}
