import { afterEach, describe, expect, it } from 'vitest';
import { PoolWorld } from '../testing/pool-world.ts';
import { connect } from './testing/link-end.ts';
import { scene, slots, texts, upTo } from './testing/link-scene.ts';

describe('suspects', () => {
  it('T1 large frame on slow channel', () => {
    const { clock, b, channel } = scene({ version: 1, a: { heartbeatMs: 1e9 } });
    const frame = Buffer.alloc(5 + 60_000);
    frame.writeUInt32BE(60_001);
    frame[4] = 30;
    for (let at = 0; at < frame.length; at += 10_000) {
      channel.write(frame.subarray(at, at + 10_000));
      clock.advance(1000);
    }
    expect(b.events).toEqual(['up']);
    expect(b.controls.length).toBe(1);
  });
  it('T2 numbers', () => {
    const { clock, a, b } = scene({ b: { windowBytes: 8000 } });
    b.deal = (data) => {
      if (!data.held) b.link!.done(data.number, 0);
    };
    a.held('open', 1);
    for (const i of upTo(3000)) {
      a.loose(`${i}`);
      clock.advance(3);
    }
    expect(b.data.length).toBeLessThan(1100);
    b.link!.done(1, 0);
    clock.advance(100);
    expect(b.data.length).toBe(3001);
  });
  it('T3 exceptions', () => {
    const { clock, a, b } = scene({ a: { heartbeatMs: 60_000 }, b: { windowBytes: 8000, silentMs: 1e9 } });
    b.deal = (data) => b.link!.done(data.number, 0x10);
    for (const i of upTo(3000)) {
      a.held(`${i}`, i);
      clock.advance(3);
    }
    expect(b.data.length).toBeLessThan(1100);
    clock.advance(250_000);
    expect(slots(a)).toEqual(upTo(3000));
  });
  it('T4 given up after Ready', () => {
    const { clock, a, b, channel } = scene();
    channel.cut();
    clock.advance(20);
    b.held('x', 1);
    connect(a, b, { latencyMs: 900 });
    clock.advance(8000);
    expect(b.events).toEqual(['up', 'lost channel_lost', 'resumed', 'lost introduction_timeout']);
    connect(a, b);
    clock.advance(100);
    expect(texts(a)).toEqual(['Hx']);
    expect(slots(b)).toEqual([1]);
  });
});

describe('pool suspects', () => {
  let world: PoolWorld;
  afterEach(() => world.stop());
  it('T5 newer address', async () => {
    world = new PoolWorld();
    const [a, b] = [world.node('a'), world.node('b')];
    a.network.hang('/memory/gone');
    const both = [['/memory/gone'], b.network.addresses].map((addresses) =>
      a.pool.getOrCreate('cluster', { peerId: 'b', addresses }).then(() => 'link', (e) => e.code));
    await world.pass(12_000);
    expect(await Promise.all(both)).toEqual(['link', 'link']);
  });
  it('T6 older start', async () => {
    for (let steps = 1; steps < 14; steps++) {
      world = new PoolWorld();
      const [a, old] = [world.node('a'), world.node('b')];
      old.pool.getOrCreate('cluster', a.target).catch(() => {});
      for (let i = 0; i < steps; i++) await world.step();
      world.hub.freeze('a', 'b');
      const again = world.node('b');
      again.pool.getOrCreate('cluster', a.target).catch(() => {});
      await world.settle();
      world.hub.heal('a', 'b');
      await world.settle();
      expect(a.pool.info('cluster', 'b')?.incarnation, `${steps}`).toBe(again.incarnation);
      if (steps < 13) await world.stop();
    }
  });
  it('T7 evicted and wanted again', async () => {
    world = new PoolWorld();
    const [a, b, c] = [world.node('a', { maxLinks: 1 }), world.node('b'), world.node('c')];
    const get = async (n: typeof b) => { await Promise.all([a.pool.getOrCreate('cluster', n.target), world.settle()]); };
    await get(b);
    world.hub.freeze('a', 'b');
    a.link(b)!.held(64, Buffer.alloc(0), Buffer.from('x'), { meet() {} }, 1);
    await get(c);
    await get(b);
    await world.pass(4000);
    expect(a.events.take().filter((l) => l.includes(' b'))).toEqual(['up b', 'closed b forgotten', 'up b']);
  });
});
