import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { Bootstrap } from './bootstrap.ts';
import type { PeerTarget } from './channel.ts';
import type { Resolver } from './resolver.ts';

const RESOLVER: Resolver = {
  addresses: async (name) => (name === 'two.example' ? ['192.0.2.1', '2001:db8::1'] : []),
  services: async (name) => (name === '_plexus._tcp.srv.example' ? [{ name: 'two.example', port: 7 }] : []),
};
/** Enough turns for what was resolved to be dialled. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

const scene = (join: readonly string[]) => {
  const clock = new FakeClock();
  const contacts = new Set<string>();
  const tried: string[] = [];
  /** Who answers where. */
  const there = new Map<string, string>();
  const bootstrap = new Bootstrap({
    join,
    resolver: RESOLVER,
    clock,
    random: () => 1,
    contacts: () => contacts.size,
    isContact: (peerId) => contacts.has(peerId),
    reach: async ({ addresses }: PeerTarget) => {
      tried.push(addresses[0]!);
      const peerId = there.get(addresses[0]!) ?? null;
      if (peerId !== null) contacts.add(peerId);
      return peerId;
    },
  });
  const triedNow = async () => {
    await settle();
    return tried.splice(0);
  };
  return { clock, contacts, there, bootstrap, triedNow };
};

const ONE = '/ip4/192.0.2.9/tcp/9443';

describe('the way into the directory', () => {
  it('is any address, name or service that was configured', async () => {
    const { bootstrap, triedNow } = scene(['192.0.2.9:9443', 'two.example:5', 'srv.example', 'nowhere.example']);
    bootstrap.start();
    expect(await triedNow()).toEqual([
      ONE,
      '/ip4/192.0.2.1/tcp/5',
      '/ip6/2001:db8::1/tcp/5',
      '/ip4/192.0.2.1/tcp/7',
      '/ip6/2001:db8::1/tcp/7',
    ]);
    bootstrap.stop();
  });

  it('is tried again, less and less often, until somebody is there', async () => {
    const { clock, there, bootstrap, triedNow } = scene([ONE]);
    bootstrap.start();
    const times: number[] = [];
    if ((await triedNow()).length > 0) times.push(0);
    for (let second = 1; second <= 200; second++) {
      clock.advance(1000);
      if ((await triedNow()).length > 0) times.push(second);
    }
    expect(times).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    there.set(ONE, 'one');
    clock.advance(60_000);
    expect(await triedNow()).toEqual([ONE]);
    // It is a contact now: there is nothing to be had from it.
    clock.advance(180_000);
    expect(await triedNow()).toEqual([]);
    bootstrap.stop();
    expect(clock.pending).toBe(0);
  });

  it('is tried at once when everybody is lost', async () => {
    const { clock, contacts, there, bootstrap, triedNow } = scene([ONE]);
    there.set(ONE, 'one');
    bootstrap.start();
    expect(await triedNow()).toEqual([ONE]);
    contacts.clear();
    there.clear();
    bootstrap.hurry();
    expect(await triedNow()).toEqual([ONE]);
    clock.advance(1000);
    expect(await triedNow()).toEqual([ONE]);
    bootstrap.stop();
    bootstrap.hurry();
    expect(await triedNow()).toEqual([]);
  });

  it('may be a node of the local network, or one that was known before; as long as there are few', async () => {
    const { clock, contacts, bootstrap, triedNow } = scene([]);
    const target = (number: number) => ({ peerId: `peer-${number}`, addresses: [`/ip4/192.0.2.${number}/tcp/1`] });
    bootstrap.offer(target(1));
    bootstrap.start();
    expect(await triedNow()).toEqual(target(1).addresses);
    bootstrap.offer(target(1));
    bootstrap.offer(target(2));
    bootstrap.offer({ peerId: null, addresses: [ONE] });
    expect(await triedNow()).toEqual(target(2).addresses);
    for (const peerId of ['a', 'b', 'c', 'd']) contacts.add(peerId);
    bootstrap.offer(target(3));
    clock.advance(60_000);
    expect(await triedNow()).toEqual([]);
    contacts.clear();
    bootstrap.hurry();
    expect(await triedNow()).toEqual([1, 2, 3].flatMap((number) => target(number).addresses));
    // Anybody on the network can make up as many as they like.
    for (let number = 0; number < 1000; number++) bootstrap.offer(target(number));
    await triedNow();
    bootstrap.hurry();
    expect(await triedNow()).toHaveLength(64);
    bootstrap.stop();
  });
});
