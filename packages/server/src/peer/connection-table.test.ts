import type { Connection } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { ConnectionTable } from './connection-table.ts';

/** As much of a connection as the table looks at. */
class FakeConnection {
  readonly remotePeer: { toString(): string };
  status = 'open';
  streams: { protocol: string }[] = [];
  limits: object | undefined = undefined;

  constructor(peerId: string) {
    this.remotePeer = { toString: () => peerId };
  }

  async close(): Promise<void> {
    this.status = 'closed';
  }
}

const MANY_MS = 60_000;

const scene = (isWanted?: (peerId: string) => boolean, isPlace?: (peerId: string) => boolean) => {
  const clock = new FakeClock();
  const table = new ConnectionTable(clock, isWanted, isPlace);
  const open = (peerId: string) => {
    const fake = new FakeConnection(peerId);
    const connection = fake as unknown as Connection;
    table.opened(connection);
    return { fake, connection };
  };
  return { clock, table, open };
};

describe('the connections under the channels', () => {
  it('are used again for the same peer while they work', () => {
    const { table, open } = scene();
    const { connection } = open('a');
    open('b');
    expect(table.usable('a')).toBe(connection);
    expect(table.usable('c')).toBeNull();
    table.take(connection)(false);
    expect(table.usable('a')).toBe(connection);
    table.take(connection)(true);
    expect(table.usable('a')).toBeNull();
  });

  it('are closed when nobody has used them for long, and not while there is a channel', () => {
    const { clock, table, open } = scene();
    const [idle, busy] = [open('a'), open('b')];
    const gone = table.take(busy.connection);
    clock.advance(MANY_MS);
    expect([idle.fake.status, busy.fake.status]).toEqual(['closed', 'open']);
    gone(false);
    clock.advance(1000);
    expect(busy.fake.status).toBe('open');
    clock.advance(MANY_MS);
    expect(busy.fake.status).toBe('closed');
  });

  it('are closed soon after a channel on them broke, but not under another one', () => {
    const { clock, table, open } = scene();
    const { fake, connection } = open('a');
    const [first, second] = [table.take(connection), table.take(connection)];
    first(true);
    clock.advance(MANY_MS);
    expect(fake.status).toBe('open');
    second(false);
    clock.advance(1000);
    expect(fake.status).toBe('closed');
  });

  it('stay while other protocols are on them; those of libp2p itself do not count', () => {
    const { clock, open } = scene();
    const { fake } = open('a');
    fake.streams = [{ protocol: '/ipfs/kad/1.0.0' }];
    clock.advance(MANY_MS);
    expect(fake.status).toBe('open');
    fake.streams = [{ protocol: '/ipfs/id/1.0.0' }, { protocol: '' }];
    clock.advance(MANY_MS);
    expect(fake.status).toBe('closed');
  });

  it('stay idle to peers that will be asked again, but not to all of them', () => {
    const wanted = new Set(Array.from({ length: 300 }, (_, i) => `peer-${i}`));
    const { clock, table, open } = scene((peerId) => wanted.has(peerId));
    const all = [...wanted, 'another'].map((peerId) => open(peerId));
    const openNow = () => all.filter(({ fake }) => fake.status === 'open').length;
    clock.advance(MANY_MS);
    expect(openNow()).toBe(128);
    expect(all.at(-1)!.fake.status).toBe('closed');
    // Its place is for the next one.
    all[0]!.fake.status = 'closed';
    table.closed(all[0]!.connection);
    all.push(open('peer-299'));
    clock.advance(MANY_MS);
    expect(openNow()).toBe(128);
    wanted.clear();
    clock.advance(MANY_MS);
    expect(openNow()).toBe(0);
  });

  it('are forgotten when they are gone, with their timers', () => {
    const { clock, table, open } = scene();
    const [one, two] = [open('a'), open('b')];
    table.closed(one.connection);
    expect(table.usable('a')).toBeNull();
    two.fake.status = 'closed';
    expect(table.usable('b')).toBeNull();
    table.stop();
    expect(clock.pending).toBe(0);
  });

  it('are not used again when they go over a relay: the next one may be direct, or another relay', () => {
    const { table, open } = scene();
    open('a').fake.limits = {};
    expect(table.usable('a')).toBeNull();
    const { connection } = open('a');
    expect(table.usable('a')).toBe(connection);
  });

  it('stay while one end has a place with the other as its relay, as many as there are', async () => {
    const places = new Set(Array.from({ length: 300 }, (_, i) => `${i}`));
    const { clock, open } = scene(
      () => false,
      (peerId) => places.has(peerId),
    );
    const all = [...places].map((peerId) => open(peerId));
    const relayed = open('0');
    relayed.fake.limits = {};
    clock.advance(MANY_MS);
    expect(all.every(({ fake }) => fake.status === 'open')).toBe(true);
    expect(relayed.fake.status).toBe('closed');
    places.clear();
    clock.advance(MANY_MS);
    expect(all.every(({ fake }) => fake.status === 'closed')).toBe(true);
  });
});
