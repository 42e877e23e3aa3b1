import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Subscriptions } from './subscriptions.ts';

beforeEach(() => vi.stubGlobal('requestAnimationFrame', () => 0));

type Answer = (error: Error | null, granted: unknown, suback?: { granted: number[] }) => void;

/** A client that notes what is asked of it, and answers when told. */
class FakeClient {
  readonly asked: string[] = [];
  readonly answers: Answer[] = [];
  subscribe(filter: string, { qos }: { qos: number }, answer: Answer): void {
    this.asked.push(`+${filter} ${qos}`);
    this.answers.push(answer);
  }
  unsubscribe(filter: string | string[]): void {
    this.asked.push(`-${filter}`);
  }
  grant(code: number): void {
    this.answers.shift()!(code < 0x80 ? null : new Error('refused'), [], { granted: [code] });
  }
}

const attach = (subscriptions: Subscriptions, client: FakeClient, present: boolean, first: boolean): void =>
  subscriptions.attach(client as never, present, first);

describe('subscriptions', () => {
  it('wait for a connection, and say what became of them', () => {
    const [subscriptions, client] = [new Subscriptions(), new FakeClient()];
    subscriptions.add('a', 2);
    subscriptions.add('b', 0);
    expect(subscriptions.list().map(({ state }) => state)).toEqual(['wanted', 'wanted']);
    attach(subscriptions, client, false, true);
    client.grant(1);
    client.grant(0x87);
    expect(client.asked).toEqual(['+a 2', '+b 0']);
    expect(subscriptions.list()).toMatchObject([
      { state: 'granted', qos: 2, grantedQos: 1 },
      { state: 'refused', problem: 'this user may not do that' },
    ]);
  });

  it('are made again on a connection whose session is gone, and left alone where it is still there', () => {
    const subscriptions = new Subscriptions([{ filter: 'a', qos: 1 }]);
    const [first, second, third] = [new FakeClient(), new FakeClient(), new FakeClient()];
    attach(subscriptions, first, true, true);
    first.grant(1);
    subscriptions.detach();
    attach(subscriptions, second, true, false);
    subscriptions.detach();
    attach(subscriptions, third, false, false);
    expect([first.asked, second.asked, third.asked]).toEqual([['+a 1'], [], ['+a 1']]);
  });

  it('given up without a connection are taken from a session that was kept', () => {
    const [subscriptions, client] = [new Subscriptions([{ filter: 'a', qos: 0 }]), new FakeClient()];
    subscriptions.remove('a');
    attach(subscriptions, client, true, true);
    expect(client.asked).toEqual(['-a']);
    expect(subscriptions.list()).toEqual([]);
  });

  it('take no late answer of another connection, or to an older wish', () => {
    const [subscriptions, client] = [new Subscriptions(), new FakeClient()];
    attach(subscriptions, client, false, true);
    subscriptions.add('a', 0);
    subscriptions.add('a', 2);
    client.grant(0x80);
    expect(subscriptions.list()).toMatchObject([{ state: 'wanted', qos: 2 }]);
    subscriptions.detach();
    client.grant(2);
    expect(subscriptions.list()).toMatchObject([{ state: 'wanted' }]);
  });
});
