import { describe, expect, it } from 'vitest';
import { SUBSCRIPTION_DEFAULTS, type SubscriptionDefinition } from '../subscription.ts';
import { errorOf, START_MS, TestWriter } from './testing/writer-steps.ts';

const definition = (name: string, rest: Partial<SubscriptionDefinition> = {}): SubscriptionDefinition => ({
  ...{ ...SUBSCRIPTION_DEFAULTS, name, selector: { kind: 'all' } },
  ...rest,
});

describe('the record of a subscription', () => {
  it('is made again by a retry within 30 seconds, with what has become of it, and by nothing later', () => {
    using test = new TestWriter();
    const request = { definition: definition('s') };
    const first = test.write('createSubscription', request);
    expect(first).toEqual({ ...request, state: 'running', checkpoint: -1, createdUs: START_MS * 1000, parked: 0 });
    test.write('saveProgress', {
      items: [
        {
          ...{ name: 's', checkpoint: 4, state: 'paused', unpark: [] },
          park: [{ position: 3, reason: 'bad', attempts: 2, parkedUs: 5 }],
        },
      ],
    });
    test.wallMs += 30_000;
    const now = { ...first, checkpoint: 4, state: 'paused', parked: 1 };
    expect(test.write('createSubscription', request)).toEqual(now);
    test.reopen();
    expect(test.write('createSubscription', request)).toEqual(now);
    test.wallMs += 1;
    expect(() => test.write('createSubscription', request)).toThrow('subscription_exists');
  });

  it('is not made of what cannot be kept', () => {
    using test = new TestWriter();
    const of = (changed: object) => ({ definition: { ...definition('s'), ...changed } });
    const selector = { kind: 'payload', where: { path: '$.a', op: 'eq', value: 1n } };
    for (const request of [of({ name: '' }), of({ name: 7 }), of({ selector })]) {
      expect(() => test.write('createSubscription', request as never)).toThrow('bad_request');
    }
    test.append('a', ['x']);
    const snapshot = { stream: 'a', version: 0, data: { n: 1n }, metadata: null };
    expect(() => test.write('saveSnapshot', snapshot)).toThrow('bad_request');
  });

  it('is one of 10,000 at most', () => {
    using test = new TestWriter();
    const outcomes = test.writer.commit(
      Array.from({ length: 10_001 }, (_, n) => ({
        ...{ kind: 'createSubscription' as const, request: { definition: definition(`s${n}`) } },
      })),
    );
    expect(outcomes.slice(0, -1).every(({ ok }) => ok)).toBe(true);
    expect(errorOf(outcomes.at(-1))).toEqual({ code: 'quota_exceeded', limit: 'subscriptions' });
    test.write('deleteSubscription', { name: 's77' });
    expect(test.write('createSubscription', { definition: definition('one more') })).toMatchObject({ parked: 0 });
  });

  it('that is damaged is not built upon', () => {
    using test = new TestWriter();
    test.write('createSubscription', { definition: definition('s') });
    test.writer.close();
    test.tamper('UPDATE subscriptions SET checkpoint = 7');
    test.open();
    expect(() => test.write('resetSubscription', { name: 's', checkpoint: 0 })).toThrow('store_damaged');
  });

  it.each(['r', 't', 'S'])('whose name has become %s is not taken for missing', (name) => {
    using test = new TestWriter();
    test.write('createSubscription', { definition: definition('s') });
    test.writer.close();
    test.tamper(`UPDATE subscriptions SET name = '${name}'`);
    test.open();
    const items = [{ name: 's', checkpoint: 4, state: null, park: [], unpark: [] }];
    expect(() => test.write('saveProgress', { items })).toThrow('store_damaged');
    expect(() => test.write('createSubscription', { definition: definition('s') })).toThrow('store_damaged');
    expect(() => test.write('deleteSubscription', { name: 's' })).toThrow('store_damaged');
  });
});
