import type { Connection } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { ConnectionTable } from './connection-table.ts';

/** As much of a connection as the table looks at. */
class FakeConnection {
  readonly remotePeer: { toString(): string };
  status = 'open';
  streams: { protocol: string }[] = [];

  constructor(peerId: string) {
    this.remotePeer = { toString: () => peerId };
  }

  async close(): Promise<void> {
    this.status = 'closed';
  }
}

const MANY_MS = 60_000;

const scene = () => {
  const clock = new FakeClock();
  const table = new ConnectionTable(clock);
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
});
