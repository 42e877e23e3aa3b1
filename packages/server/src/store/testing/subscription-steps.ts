import fc from 'fast-check';
import type { StoredEvent } from '../event.ts';
import { matchesQuery } from '../query.ts';
import type { Selector } from '../selector.ts';
import type { NackAction, NewSubscription, StartFrom } from '../subscription.ts';

const STREAMS = ['a', 'b', 'order-1', 'order-2'];
const TYPES = ['t', 'u'];
const TAGS = ['g', 'h'];
export const ACK_TIMEOUT_MS = 5000;

/** One subscription of each kind, and what its selector means in plain words. */
export const KINDS: readonly (NewSubscription & { readonly wants: (event: StoredEvent) => boolean })[] = [
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

/** Of one stream, in an append. */
export interface Written {
  readonly stream: string;
  readonly events: readonly { readonly type: string; readonly tags: string[]; readonly n: number }[];
}

export type Step =
  /** Appends of one turn. */
  | { readonly kind: 'append'; readonly appends: readonly (readonly Written[])[] }
  | { readonly kind: 'delete'; readonly stream: string; readonly tombstone: boolean }
  | { readonly kind: 'join'; readonly subscription: number; readonly window: number }
  | { readonly kind: 'leave'; readonly which: number }
  | { readonly kind: 'ack'; readonly which: number; readonly count: number; readonly newestFirst: boolean }
  | { readonly kind: 'nack'; readonly which: number; readonly action: NackAction }
  | { readonly kind: 'pause' | 'resume'; readonly subscription: number }
  /** `recreate`: deletes it, and makes it anew. */
  | { readonly kind: 'reset' | 'recreate'; readonly subscription: number; readonly from: StartFrom }
  | { readonly kind: 'parked'; readonly which: number; readonly limit: number }
  /** null: all that are parked. Of the others every second stands for one that is parked, the rest for any position. */
  | { readonly kind: 'replay' | 'drop'; readonly which: number; readonly picks: readonly number[] | null }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'restart' | 'crash' | 'harm' };

const stream = fc.constantFrom(...STREAMS);
const event = fc.record({ type: fc.constantFrom(...TYPES), n: fc.nat(9), tags: fc.subarray(TAGS) });
const append = fc.uniqueArray(fc.record({ stream, events: fc.array(event, { minLength: 1, maxLength: 3 }) }), {
  ...{ selector: (one: Written) => one.stream, minLength: 1, maxLength: 2 },
});
/** Of a position, more often one that is there already. */
const from: fc.Arbitrary<StartFrom> = fc.oneof(
  fc.constantFrom('start' as const, 'now' as const),
  fc.nat(15),
  fc.nat(60),
);
const picks = fc.option(fc.array(fc.nat(30), { maxLength: 4 }));
const subscription = fc.nat(KINDS.length - 1);
const which = fc.nat(20);
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      appends: fc.array(append, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      stream,
      tombstone: fc.nat(9).map((n) => n === 0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('reset' as const, 'recreate' as const), subscription, from }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('parked' as const), which, limit: fc.constantFrom(1, 2, 1000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('replay' as const, 'replay' as const, 'drop' as const),
      which,
      picks,
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
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('nack' as const),
      which,
      action: fc.constantFrom('retry' as const, 'park' as const, 'park' as const, 'skip' as const),
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
