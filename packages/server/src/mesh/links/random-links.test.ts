import { topicMatches } from '@plexus/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { pathOfFilter } from '../key-paths.ts';
import { MeshWorld, type TestPeer } from './testing/world.ts';

const NODES = ['a', 'b', 'c', 'd'];
const FILTERS = ['x', 'x/+', 'x/#', 'y', 'y/1/+', '#'];
const PATHS = ['/x', '/y', '/y/1', ''];
const TOPICS = ['x', 'x/1', 'x/1/2', 'y', 'y/1/2', 'z'];

const node = fc.nat(NODES.length - 1);
const path = fc.constantFrom(...PATHS);
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('want' as const), node, filter: fc.constantFrom(...FILTERS) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('unwant' as const), node, filter: fc.constantFrom(...FILTERS) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ask' as const), node, other: node, path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unask' as const), node, path }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('tell' as const), node, other: node, path }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('renew' as const), node, ttlMs: fc.constantFrom(3000, 400_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('evict' as const), node, other: node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), node, other: node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('heal' as const), node, other: node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(10, 500, 4000, 6000) }) },
);

it('whatever happens, in the end whoever asks knows exactly the filters of those it has asked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40, size: 'max' }), async (actions) => {
      const world = new MeshWorld();
      const peers = NODES.map((id) => world.peer(id));
      const wanted = new Map(peers.map((peer) => [peer, new Set<string>()]));
      /** `a b /x`: a has asked b. */
      const asked = new Set<string>();
      const { hub } = world.pools;
      for (const act of actions) {
        const one = 'node' in act ? peers[act.node]! : peers[0]!;
        const other = 'other' in act ? peers[act.other]! : one;
        if (act.do === 'settle') await world.settle();
        else if (act.do === 'pass') await world.pass(act.ms);
        else if (act.do === 'want') {
          wanted.get(one)!.add(act.filter);
          one.want('r', act.filter);
        } else if (act.do === 'unwant') {
          wanted.get(one)!.delete(act.filter);
          one.unwant('r', act.filter);
        } else if (act.do === 'renew') world.give(one, 'r', { ttlMs: act.ttlMs });
        else if (act.do === 'unask') {
          for (const each of peers) asked.delete(`${one.id} ${each.id} ${act.path}`);
          one.links.unask('r', act.path);
        } else if (one === other) continue;
        else if (act.do === 'cut') hub.cut(one.id, other.id);
        else if (act.do === 'heal') hub.heal(one.id, other.id);
        else if (act.do === 'evict') one.link(other)?.close('evicted');
        else if (act.do === 'tell') one.links.tell('r', act.path, other.target);
        else {
          asked.add(`${one.id} ${other.id} ${act.path}`);
          one.links.ask('r', act.path, other.target);
        }
      }
      for (const one of peers) {
        world.give(one, 'r');
        for (const other of peers) hub.heal(one.id, other.id);
      }
      await world.pass(12_000);
      // Links that ended are made when a message, or a question, is for them.
      for (const each of asked) {
        const [from, to, key] = each.split(' ') as [string, string, string];
        const [one, other] = [from, to].map((id) => peers.find((peer) => peer.id === id)!) as [TestPeer, TestPeer];
        one.links.ask('r', key, other.target);
        one.links.connect(to, () => {});
      }
      await world.pass(1000);
      for (const one of peers) {
        for (const topic of TOPICS) {
          const known = one.match('r', topic);
          for (const other of peers) {
            if (one.link(other) === null || !one.links.maySend('r', other.id)) continue;
            const matching = [...wanted.get(other)!].filter((filter) => topicMatches(filter, topic));
            if (known.includes(other.id))
              expect([one.id, other.id, topic, matching.length > 0]).toEqual([one.id, other.id, topic, true]);
            const isAsked = matching.some((filter) => asked.has(`${one.id} ${other.id} ${pathOfFilter(filter)}`));
            if (isAsked) expect([one.id, topic, ...known]).toContain(other.id);
          }
        }
      }
      for (const each of asked) {
        const [from, to, key] = each.split(' ') as [string, string, string];
        const one = peers.find(({ id }) => id === from)!;
        expect([each, one.links.link(to)?.state, one.links.isAnswered('r', key, to)]).toEqual([each, 'up', true]);
      }
      await world.stop();
    }),
    seeded(60),
  );
});
