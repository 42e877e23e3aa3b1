import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/fake-clock.ts';
import { RelayReservations } from './relay-reservations.ts';

function scene() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const refusing = new Set<string>();
  let changes = 0;
  const reservations = new RelayReservations({
    clock,
    random: () => 0.5,
    reserve: async (peerId) => {
      asked.push(peerId);
      if (refusing.has(peerId)) throw new Error('full');
      return [`/${peerId}/p2p-circuit`];
    },
    refused() {},
    changed: () => void changes++,
  });
  const settle = async (ms = 0): Promise<void> => {
    clock.advance(ms);
    for (let i = 0; i < 20; i++) await null;
  };
  const held = (): string[] => [...reservations.held.keys()];
  return { reservations, asked, refusing, settle, held, changes: () => changes };
}

describe('places with relays', () => {
  it('are asked for while they are wanted, two of them', async () => {
    const { reservations, asked, settle, held, changes } = scene();
    for (const name of ['r', 's', 't']) reservations.heardOf(name, []);
    await settle(60_000);
    expect(asked).toEqual([]);
    reservations.want(true);
    await settle();
    expect(held()).toEqual(['r', 's']);
    reservations.want(false);
    expect(held()).toEqual([]);
    expect(changes()).toBe(3);
  });

  it('are looked for with others when one goes, and with that one again after a while', async () => {
    const { reservations, settle, held } = scene();
    reservations.want(true);
    for (const name of ['r', 's', 't']) reservations.heardOf(name, []);
    await settle();
    reservations.lost('r');
    await settle();
    expect(held()).toEqual(['s', 't']);
    reservations.lost('t');
    reservations.lost('s');
    await settle();
    expect(held()).toEqual([]);
    await settle(10_000);
    expect(held()).toHaveLength(2);
  });

  it('are asked for less and less often where they are refused', async () => {
    const { reservations, asked, refusing, settle, held } = scene();
    refusing.add('r');
    reservations.want(true);
    reservations.heardOf('r', []);
    await settle();
    for (let second = 0; second < 3600; second++) await settle(1000);
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.length).toBeLessThan(16);
    refusing.clear();
    await settle(600_000);
    expect(held()).toEqual(['r']);
  });

  it('are remembered for so many relays only', async () => {
    const { reservations, asked, refusing, settle } = scene();
    for (let i = 0; i < 100; i++) {
      refusing.add(`${i}`);
      reservations.heardOf(`${i}`, []);
    }
    reservations.want(true);
    for (let i = 0; i < 5; i++) await settle(1000);
    expect(new Set(asked).size).toBe(32);
  });
});
