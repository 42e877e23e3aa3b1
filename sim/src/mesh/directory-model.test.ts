import { describe, expect, it } from 'vitest';
import { FAIR_WEATHER } from '../network-path.ts';
import type { PeerTarget } from '../ports.ts';
import { Random } from '../random.ts';
import { VirtualProcess } from '../virtual-process.ts';
import { VirtualTime } from '../virtual-time.ts';
import { DIRECTORY_FIGURES, type DirectoryFigures } from './directory-figures.ts';
import type { DirectoryMember } from './directory-member.ts';
import { DirectoryModel, type Reach } from './directory-model.ts';

const NEVER = new AbortController().signal;

/** A directory of nodes that do nothing else. */
class Scene {
  readonly time = new VirtualTime();
  readonly random = new Random('directory');
  readonly states = new Map<string, Reach>();
  readonly model: DirectoryModel;
  readonly members: DirectoryMember[] = [];

  constructor(figures: Partial<DirectoryFigures> = {}) {
    this.model = new DirectoryModel({
      time: this.time,
      random: this.random,
      weather: FAIR_WEATHER,
      reach: (_from, to) => this.states.get(to) ?? 'answers',
      figures: { ...DIRECTORY_FIGURES, loss: 0, ...figures },
    });
  }

  async join(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.members.push(this.node(`node-${this.members.length}`));
      await this.pass(20);
    }
    await this.pass(5_000);
  }

  node(peerId: string): DirectoryMember {
    const fault = (error: unknown): never => {
      throw error;
    };
    const process = new VirtualProcess(peerId, this.time, this.random, { skewMs: 0, rate: 1 }, fault);
    return this.model.join({ peerId, addresses: [`/memory/${peerId}`], process, bootstrap: ['node-0'] });
  }

  kill(member: DirectoryMember, how: Reach): void {
    this.model.leave(member.peerId);
    this.states.set(member.peerId, how);
  }

  pass(ms: number): Promise<void> {
    return this.time.runUntil(this.time.now + ms);
  }

  /** Lets time pass until it is settled. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    promise.then(
      () => (over = true),
      () => (over = true),
    );
    while (!over) await this.pass(50);
    return promise;
  }

  async found(member: DirectoryMember, key: Uint8Array): Promise<string[]> {
    const targets: PeerTarget[] = [];
    await this.settled(member.find(key, (target) => targets.push(target), NEVER));
    return targets.map(({ peerId }) => peerId!).sort();
  }
}

const key = (seed: number): Uint8Array => new Random(`key ${seed}`).bytes(32);

describe('the model of the directory', () => {
  it('finds who has said that it can be found, from anywhere, and tells of each once', async () => {
    const scene = new Scene();
    await scene.join(100);
    const [a, b] = [scene.members[3]!, scene.members[70]!];
    expect(await scene.settled(a.provide(key(1), NEVER))).toBe(DIRECTORY_FIGURES.k);
    await scene.settled(b.provide(key(1), NEVER));
    for (const each of scene.members) {
      const others = ['node-3', 'node-70'].filter((peerId) => peerId !== each.peerId);
      expect(await scene.found(each, key(1))).toEqual(others);
    }
    expect(await scene.found(a, key(2))).toEqual([]);
  });

  it('forgets a record after its time', async () => {
    const scene = new Scene({ recordMs: 30_000 });
    await scene.join(30);
    await scene.settled(scene.members[1]!.provide(key(1), NEVER));
    await scene.pass(25_000);
    expect(await scene.found(scene.members[9]!, key(1))).toEqual(['node-1']);
    await scene.pass(10_000);
    expect(await scene.found(scene.members[9]!, key(1))).toEqual([]);
  });

  it('loses records with the nodes that keep them', async () => {
    const scene = new Scene({ k: 3 });
    await scene.join(40);
    const [provider, reader] = [scene.members[1]!, scene.members[2]!];
    await scene.settled(provider.provide(key(1), NEVER));
    const keepers = scene.members.filter((each) => each !== reader && each.status().records > 0);
    expect(keepers.length).toBeGreaterThan(1);
    for (const each of keepers.slice(1)) scene.kill(each, 'refuses');
    expect(await scene.found(reader, key(1))).toEqual(['node-1']);
    scene.kill(keepers[0]!, 'refuses');
    await scene.settled(reader.find(key(1), () => {}, NEVER)).catch(() => {});
    expect(await scene.found(reader, key(1))).toEqual([]);
  });

  it('waits for nodes that do not answer, and finds the rest', async () => {
    const scene = new Scene();
    await scene.join(60);
    const reader = scene.members[2]!;
    await scene.settled(scene.members[1]!.provide(key(1), NEVER));
    for (const each of scene.members.slice(30)) scene.kill(each, 'silent');
    const from = scene.time.now;
    expect(await scene.found(reader, key(1))).toEqual(['node-1']);
    expect(scene.time.now - from).toBeGreaterThanOrEqual(DIRECTORY_FIGURES.timeoutMs);
  });

  it('cannot be reached by a node that knows nobody', async () => {
    const scene = new Scene();
    const alone = scene.node('node-0');
    await scene.pass(3_000);
    const error = { code: 'directory_unreachable' };
    await expect(scene.settled(alone.provide(key(1), NEVER))).rejects.toMatchObject(error);
    await expect(scene.settled(alone.find(key(1), () => {}, NEVER))).rejects.toMatchObject(error);
  });

  it('stops when it is told to', async () => {
    const scene = new Scene();
    await scene.join(20);
    const controller = new AbortController();
    const promise = scene.members[1]!.find(key(1), () => {}, controller.signal);
    controller.abort(new Error('enough'));
    await expect(scene.settled(promise)).rejects.toThrow('enough');
  });

  it('asks about as many nodes as a real one, in few hops', async () => {
    const scene = new Scene();
    await scene.join(300);
    const before = { ...scene.model.counts };
    for (let i = 0; i < 50; i++) await scene.found(scene.random.pick(scene.members), key(100 + i));
    const walks = scene.model.counts.walks - before.walks;
    const asked = (scene.model.counts.asked - before.asked) / walks;
    const hops = (scene.model.counts.hops - before.hops) / walks;
    expect(asked).toBeGreaterThan(7);
    expect(asked).toBeLessThan(30);
    expect(hops).toBeLessThan(5);
  });
});
