import { expect } from 'vitest';
import type { StoredEvent } from '../event.ts';
import type { Consumer, NackAction } from '../subscription.ts';
import { plain } from './engine-steps.ts';
import type { KINDS } from './subscription-steps.ts';

/** A consumer of the test, with what it has not answered. */
export class Member {
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
export class Watched {
  readonly kind: (typeof KINDS)[number];
  members: Member[] = [];
  /** Positions that are over: acknowledged, skipped or parked. */
  readonly over = new Set<number>();
  /** Over since the service began: these never come again in its life. */
  readonly overNow = new Set<number>();
  /** What comes before this position is of no interest. */
  begin = 0;
  readonly parked = new Set<number>();
  /** Of those parked: on their way to a consumer again. Also what was dropped on that way: it may come or not. */
  readonly replaying = new Set<number>();
  /** Parked in the store, for certain: it was written before an answer. */
  #durable = new Set<number>();
  /** Parked at some time since the last look: what was answered since may be parked in the store still. */
  readonly #wereParked = new Set<number>();

  constructor(kind: (typeof KINDS)[number]) {
    this.kind = kind;
  }

  /** Judges a delivery as it happens. */
  delivered(to: Member, given: StoredEvent, all: readonly StoredEvent[]): void {
    const { name, strategy } = this.kind;
    const where = `${given.position} to ${name}`;
    expect(to.gone, `${where}: after the end`).toBe(false);
    expect(plain(given), where).toEqual(plain(all[given.position]!));
    expect(this.wants(given), `${where}: is not wanted`).toBe(true);
    const isReplay = this.replaying.has(given.position);
    expect(this.overNow.has(given.position) && !isReplay, `${where}: was over`).toBe(false);
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
      const before = all.slice(0, given.position).filter((one) => one.stream === given.stream && this.wants(one));
      const early = before.find(
        ({ position }) => !this.over.has(position) && !to.inHand.some((one) => one.position === position),
      );
      // What is delivered again comes late as it is.
      if (!isReplay) expect(early?.position, `${where}: comes before one of its stream`).toBeUndefined();
    }
    to.inHand.push(given);
    expect(to.inHand.length, `${where}: over the window`).toBeLessThanOrEqual(to.window);
  }

  wants(event: StoredEvent): boolean {
    return event.position >= this.begin && this.kind.wants(event);
  }

  /** Wanted, and not over; and what is to come again. */
  missing(all: readonly StoredEvent[]): string[] {
    const open = all.filter((one) => this.wants(one) && !this.over.has(one.position)).map(({ position }) => position);
    const again = [...this.replaying].filter((position) => this.parked.has(position));
    return [...open, ...again].map((position) => `${position} to ${this.kind.name}`);
  }

  answered(position: number, action: NackAction | 'ack'): void {
    if (action === 'retry') return;
    this.over.add(position);
    this.overNow.add(position);
    this.replaying.delete(position);
    this.parked.delete(position);
    this.#durable.delete(position);
    if (action !== 'park') return;
    this.parked.add(position);
    this.#wereParked.add(position);
  }

  /** The store holds what the model holds: all was written before the answer. */
  written(): void {
    this.#durable = new Set(this.parked);
    this.#wereParked.clear();
    for (const position of this.parked) this.#wereParked.add(position);
  }

  dropped(positions: readonly number[]): void {
    for (const position of positions) this.parked.delete(position);
    this.written();
  }

  /** It goes on from there, and forgets everything else. */
  restarted(begin: number): void {
    this.begin = begin;
    this.members = [];
    for (const set of [this.over, this.overNow, this.parked, this.replaying]) set.clear();
    this.written();
  }

  /** Another service has taken it over, and says what is parked. @param isOrderly whether the last one could write everything */
  reborn(listed: readonly number[], isOrderly: boolean): void {
    const where = `${this.kind.name}: parked after a ${isOrderly ? 'restart' : 'crash'}`;
    if (isOrderly) expect(listed, where).toEqual(sorted(this.parked));
    for (const position of this.#durable) expect(listed, where).toContain(position);
    for (const position of listed) expect([...this.#wereParked], where).toContain(position);
    // What was parked and is not must come again.
    for (const position of this.parked) if (!listed.includes(position)) this.over.delete(position);
    this.parked.clear();
    this.replaying.clear();
    this.overNow.clear();
    for (const position of listed) {
      this.parked.add(position);
      this.overNow.add(position);
    }
    this.written();
  }
}

export const sorted = (positions: Iterable<number>): number[] => [...positions].sort((a, b) => a - b);
