import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { type TestNode, world } from './testing/world.ts';

const NODES = ['a', 'b', 'c', 'd', 'e'];
/** Longer than it takes to find a member down, and shorter than what makes up for mistakes takes: gossip and digests. */
const QUIET_MS = 8000;

const node = fc.nat(NODES.length - 1);
const action = fc.oneof(
  fc.record({ do: fc.constant('crash' as const), node }),
  fc.record({ do: fc.constant('start' as const), node }),
  fc.record({ do: fc.constant('leave' as const), node }),
  fc.record({ do: fc.constant('cut' as const), node, other: node, silent: fc.boolean() }),
  fc.record({ do: fc.constant('heal' as const), node, other: node }),
  fc.record({ do: fc.constant('want' as const), node, topic: fc.nat(3) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(10, 100, 1000, 5000) }),
);

/** Each `joined` is followed by one `left` or `down`, perhaps with `leaving` between. */
function expectSound(heard: readonly string[]): void {
  const states = new Map<string, 'joined' | 'leaving' | 'gone'>();
  for (const line of heard) {
    const [kind, nodeId, incarnation] = line.split(' ') as [string, string, string];
    const key = `${nodeId} ${incarnation}`;
    const before = states.get(key) ?? 'gone';
    if (kind === 'joined') expect([line, before]).toEqual([line, 'gone']);
    else if (kind === 'leaving') expect([line, before]).toEqual([line, 'joined']);
    else expect([line, before]).not.toEqual([line, 'gone']);
    states.set(key, kind === 'left' || kind === 'down' ? 'gone' : (kind as 'joined' | 'leaving'));
  }
}

it('whatever happens, in the end all are members of each other, and know what each wants', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40, size: 'max' }), async (actions) => {
      const { links, start, pass } = world();
      const running = new Map<string, TestNode>();
      const all: TestNode[] = [];
      const wanted = new Map<TestNode, Set<string>>();
      const unpurged: string[] = [];
      let incarnation = 0;
      const run = (i: number) => {
        const nodeId = NODES[i]!;
        if (running.has(nodeId)) return;
        // Each names one other only: all the rest it has to hear of.
        const join = [NODES[(i + 1) % NODES.length]!];
        const started = start(nodeId, { join, incarnation: ++incarnation });
        running.set(nodeId, started);
        all.push(started);
        wanted.set(started, new Set());
        started.cluster.onMember(({ kind, member }) => {
          const isGone = kind === 'left' || kind === 'down';
          if (isGone && started.cluster.interest.filters(member.nodeId) > 0)
            unpurged.push(`${nodeId}: ${member.nodeId}`);
        });
      };
      const between = (one: number, other: number, what: 'cut' | 'heal', silent = false) => {
        const [a, b] = [running.get(NODES[one]!), running.get(NODES[other]!)];
        if (a === undefined || b === undefined || a === b) return;
        if (what === 'heal') links.heal(a.pool, b.pool);
        else links.cut(a.pool, b.pool, silent ? 'silent' : 'channel_lost');
      };
      for (let i = 0; i < NODES.length; i++) run(i);
      for (const act of actions) {
        if (act.do === 'pass') await pass(act.ms);
        else if (act.do === 'start') run(act.node);
        else if (act.do === 'cut') between(act.node, act.other, 'cut', act.silent);
        else if (act.do === 'heal') between(act.node, act.other, 'heal');
        else {
          const nodeId = NODES[act.node]!;
          const one = running.get(nodeId);
          if (one === undefined) continue;
          if (act.do === 'want') {
            one.cluster.ownInterest.set('default', `t/${act.topic}`, { online: 1, away: 0 });
            wanted.get(one)!.add(`t/${act.topic}`);
            continue;
          }
          if (act.do === 'leave') {
            const left = one.cluster.drain(new AbortController().signal);
            await pass(100);
            await left;
          }
          links.crash(one.pool);
          running.delete(nodeId);
        }
      }
      // With a node away, another may know nobody.
      for (let i = 0; i < NODES.length; i++) run(i);
      for (let i = 0; i < NODES.length; i++) for (let other = 0; other < i; other++) between(i, other, 'heal');
      await pass(QUIET_MS);
      for (const [nodeId, one] of running) {
        expect([nodeId, ...one.in('up')].sort()).toEqual(NODES);
        for (const [otherId, other] of running) {
          if (otherId === nodeId) continue;
          for (const topic of ['t/0', 't/1', 't/2', 't/3']) {
            const isKnown = one.cluster.interest.match('default', topic).nodes.includes(otherId);
            expect([topic, isKnown]).toEqual([topic, wanted.get(other)?.has(topic) === true]);
          }
        }
      }
      for (const one of all) expectSound(one.heard);
      expect(unpurged).toEqual([]);
    }),
    seeded(100),
  );
}, 60_000);
