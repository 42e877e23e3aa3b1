import { describe, expect, it } from 'vitest';
import { TestBroker } from '../testing/test-broker.ts';

describe('maxSubscriptions', () => {
  it('bounds the subscriptions of all sessions together, and frees what ends', () => {
    const broker = new TestBroker({ maxSubscriptions: 3 });
    const [a, b] = [broker.client('a'), broker.client('b')];
    expect([a.subscribe('1'), a.subscribe('2'), b.subscribe('$share/g/3')].flat()).toEqual([0, 0, 0]);
    expect(b.subscribe('4')).toEqual([0x97]);
    // One that is there may still be changed.
    expect(a.subscribe('1', 2)).toEqual([2]);
    a.hangUp();
    expect([b.subscribe('4'), b.subscribe('5')].flat()).toEqual([0, 0]);
  });
});
