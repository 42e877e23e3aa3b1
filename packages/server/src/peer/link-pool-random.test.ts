import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PoolNode, PoolWorld } from '../testing/pool-world.ts';
import { seeded } from '../testing/seed.ts';

const IDS = ['a', 'b', 'c', 'd'] as const;
type Id = (typeof IDS)[number];

const two = fc.uniqueArray(fc.constantFrom(...IDS), { minLength: 2, maxLength: 2 }) as fc.Arbitrary<[Id, Id]>;
const one = fc.constantFrom(...IDS);

/** What may happen. The network takes a few steps after each, so that the next finds things under way. */
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('ask'), pair: two, named: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('both ask'), pair: two }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('keep'), pair: two, named: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('hold'), pair: two }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('send'), pair: two }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('break'), pair: two }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('break here'), at: one }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('freeze'), pair: two }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('cut'), pair: two }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('heal'), pair: two }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('remove'), pair: two }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('restart'), at: one }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('pass'), ms: fc.constantFrom(10, 100, 1000, 4000) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Four nodes with room for two links that are not kept. */
class Scene {
  readonly world: PoolWorld;
  readonly nodes = new Map<Id, PoolNode>();
  /** By slot: how often it was met. */
  readonly met: number[] = [];
  asked = 0;
  answered = 0;

  constructor(seed: number) {
    let state = seed;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    this.world = new PoolWorld(random, (count) => Math.floor(random() * count));
    for (const id of IDS) this.nodes.set(id, this.world.node(id, { maxLinks: 2 }));
  }

  async run(operation: Operation, steps: number): Promise<void> {
    const { world } = this;
    if ('ms' in operation) return world.pass(operation.ms);
    if ('at' in operation) {
      const node = this.nodes.get(operation.at)!;
      if (operation.op === 'break here') node.network.breakHere();
      else this.#restart(operation.at, node);
    } else {
      const [a, b] = operation.pair.map((id) => this.nodes.get(id)!) as [PoolNode, PoolNode];
      const target = 'named' in operation && !operation.named ? { ...b.target, peerId: null } : b.target;
      if (operation.op === 'ask') this.#ask(a, target);
      if (operation.op === 'both ask')
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const)
          this.#ask(from, to.target);
      if (operation.op === 'keep') a.pool.keep('cluster', target);
      if (operation.op === 'hold') this.#hold(a, b);
      if (operation.op === 'send') a.pool.send('cluster', target, 16, Buffer.from('x'));
      if (operation.op === 'break' || operation.op === 'cut') world.hub.cut(a.peerId, b.peerId);
      if (operation.op === 'break' || operation.op === 'heal') world.hub.heal(a.peerId, b.peerId);
      if (operation.op === 'freeze') world.hub.freeze(a.peerId, b.peerId);
      if (operation.op === 'remove') a.pool.remove('cluster', b.peerId);
    }
    for (let i = 0; i < steps; i++) await world.step();
  }

  #ask(from: PoolNode, target: PoolNode['target']): void {
    this.asked++;
    const answered = () => void this.answered++;
    from.pool.getOrCreate('cluster', target).then(answered, answered);
  }

  #hold(from: PoolNode, to: PoolNode): void {
    const slot = this.met.push(0) - 1;
    const obligations = { meet: () => void this.met[slot]!++ };
    const link = from.link(to);
    if (link === null) this.met[slot]!++;
    else link.held(64, Buffer.alloc(0), Buffer.from(`${slot}`), obligations, slot);
  }

  #restart(id: Id, node: PoolNode): void {
    this.world.hub.kill(id);
    node.pool.stop();
    this.nodes.set(id, this.world.node(id, { maxLinks: 2 }));
  }

  /** All is well again for long enough. */
  async calm(): Promise<void> {
    for (const a of IDS) for (const b of IDS) if (a < b) this.world.hub.heal(a, b);
    await this.world.pass(25_000);
  }

  expectConsistent(): void {
    let links = 0;
    for (const a of this.nodes.values()) {
      for (const { peerId, state } of a.pool.list()) {
        links++;
        const b = this.nodes.get(peerId as Id)!;
        expect(state).toBe('up');
        expect(sessionOf(b, a), `${a.peerId} has a link with ${peerId}`).toBe(sessionOf(a, b));
      }
    }
    const open = [...this.nodes.values()].reduce((sum, { network }) => sum + network.open.size, 0);
    expect(open).toBe(links);
  }
}

function sessionOf(from: PoolNode, to: PoolNode): number | undefined {
  return (from.link(to) as unknown as { session: number } | null)?.session;
}

/** With each peer: up, then lost and resumed in turn, then closed; and again. */
function expectOrderly(node: PoolNode): void {
  const states = new Map<string, string>();
  for (const line of node.events.lines) {
    const [event, peerId] = line.split(' ') as [string, string];
    const before = states.get(peerId) ?? 'closed';
    if (event === 'up') expect(before, line).toBe('closed');
    else if (event === 'lost') expect(['up', 'resumed'], line).toContain(before);
    else if (event === 'resumed') expect(before, line).toBe('lost');
    else if (event === 'closed') expect(before, line).not.toBe('closed');
    else if (event === 'data' || event === 'control') expect(['up', 'resumed'], line).toContain(before);
    if (['up', 'lost', 'resumed', 'closed'].includes(event)) states.set(peerId, event);
  }
  for (const state of states.values()) expect(state).toBe('closed');
}

describe('pools of several nodes', () => {
  it('agree in the end, whatever happened: one link for a pair, the same on both ends, nothing left over', async () => {
    const steps = fc.tuple(operation, fc.nat(12));
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(steps, { minLength: 1, maxLength: 40, size: 'max' }),
        async (seed, all) => {
          const scene = new Scene(seed);
          for (const [each, count] of all) await scene.run(each, count);
          await scene.calm();
          scene.expectConsistent();
          expect(scene.answered).toBe(scene.asked);
          await scene.world.stop();
          for (const node of scene.world.nodes) expectOrderly(node);
          expect(scene.met).toEqual(scene.met.map(() => 1));
        },
      ),
      seeded(60),
    );
  }, 60_000);
});
