import { InterestStamps, topicMatches } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { anyFilter, anyTopic } from '../testing/topics.ts';
import { interestKey, parseInterestKey, shareValue } from './interest-keys.ts';
import { OwnInterest } from './own-interest.ts';
import type { FilterCount, RemoteRoute } from './ports.ts';
import { PeerInterest } from './remote-interest.ts';

const KEYS = new InterestStamps();

const realm = fc.constantFrom('default', 'other');
const nodeId = fc.constantFrom('n1', 'n2', 'n3');
const count = fc.record({ online: fc.nat(3), away: fc.nat(3) });
const filter = fc.oneof(
  { weight: 3, arbitrary: anyFilter },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('g', '$x'), anyFilter).map(([g, f]) => `$share/${g}/${f}`) },
);
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ is: fc.constant('entry' as const), nodeId, realm, filter, count }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('gone' as const), nodeId, pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('purge' as const), nodeId }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Everything that the nodes have, in lists. */
class Model {
  readonly nodes = new Map<string, Map<string, FilterCount>>();

  take(interest: PeerInterest, step: Step): void {
    const entries = this.nodes.get(step.nodeId) ?? new Map<string, FilterCount>();
    if (step.is === 'purge') {
      this.nodes.delete(step.nodeId);
      interest.onPurged(step.nodeId);
    } else if (step.is === 'entry') {
      const key = interestKey(step.realm, step.filter);
      this.nodes.set(step.nodeId, entries.set(key, step.count));
      interest.onEntry(step.nodeId, key, step.filter.startsWith('$share/') ? shareValue(step.count) : '');
    } else if (entries.size > 0) {
      const key = [...entries.keys()][step.pick % entries.size]!;
      entries.delete(key);
      interest.onGone(step.nodeId, key);
    }
  }

  route(realm: string, topic: string): unknown {
    const nodes = new Set<string>();
    const shares: string[] = [];
    for (const [nodeId, entries] of this.nodes) {
      for (const [key, count] of entries) {
        const parsed = parseInterestKey(key)!;
        if (parsed.realm !== realm || !topicMatches(parsed.filter, topic)) continue;
        if (parsed.share === null) nodes.add(nodeId);
        else shares.push(`${parsed.share} ${nodeId} ${count.online} ${count.away}`);
      }
    }
    return { nodes: [...nodes].sort(), shares: shares.sort() };
  }
}

function plain({ nodes, shares }: RemoteRoute): unknown {
  const lines = shares.flatMap(({ key, holders }) =>
    holders.map(({ nodeId, count }) => `${key} ${nodeId} ${count.online} ${count.away}`),
  );
  return { nodes: [...nodes].sort(), shares: lines.sort() };
}

describe('the interest of other nodes', () => {
  it('matches as a walk through all filters does, and stamps tell when a route holds no more', () => {
    const topics = fc.array(fc.tuple(realm, anyTopic), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), topics, (steps, topics) => {
        const interest = new PeerInterest();
        const model = new Model();
        for (const each of steps) {
          const before = topics.map(([realm, topic]) => ({
            stamp: interest.stamp(realm, KEYS.keysOf(topic)),
            route: interest.match(realm, topic),
          }));
          model.take(interest, each);
          for (const [i, [realm, topic]] of topics.entries()) {
            const { stamp, route } = before[i]!;
            const now = interest.match(realm, topic);
            expect(plain(now)).toEqual(model.route(realm, topic));
            expect(interest.stamp(realm, KEYS.keysOf(topic))).toBeGreaterThanOrEqual(stamp);
            if (interest.stamp(realm, KEYS.keysOf(topic)) === stamp) expect(now).toBe(route);
          }
        }
        const sizes = [...model.nodes].map(([nodeId, { size }]) => [nodeId, size] as const);
        for (const [nodeId, size] of sizes) expect(interest.filters(nodeId)).toBe(size);
        expect(interest.filters()).toBe(sizes.reduce((sum, [, size]) => sum + size, 0));
      }),
      seeded(300),
    );
  });

  it('names a node once however many of its filters match, and each share with all its holders', () => {
    const interest = new PeerInterest();
    for (const filter of ['a/b', 'a/+', '#']) interest.onEntry('n1', interestKey('default', filter), '');
    interest.onEntry('n1', interestKey('default', '$share/g/a/#'), '2 1');
    interest.onEntry('n2', interestKey('default', '$share/g/a/#'), '0 3');
    expect(interest.match('default', 'a/b')).toEqual({
      nodes: ['n1'],
      shares: [
        {
          key: '$share/g/a/#',
          holders: [
            { nodeId: 'n1', count: { online: 2, away: 1 } },
            { nodeId: 'n2', count: { online: 0, away: 3 } },
          ],
        },
      ],
    });
    expect(interest.match('other', 'a/b')).toEqual({ nodes: [], shares: [] });
    expect(interest.share('default', '$share/g/a/#')).toEqual(interest.match('default', 'a/b').shares[0]);
    expect(interest.share('other', '$share/g/a/#')).toBeNull();
    expect(interest.share('default', 'a/b')).toBeNull();
  });

  it('gives the same route until something changes that the topic can match', () => {
    const interest = new PeerInterest();
    interest.onEntry('n1', interestKey('default', 'a/b'), '');
    const route = interest.match('default', 'a/b');
    interest.onEntry('n2', interestKey('default', 'c/d'), '');
    interest.onEntry('n2', interestKey('other', 'a/b'), '');
    expect(interest.match('default', 'a/b')).toBe(route);
    interest.onEntry('n2', interestKey('default', 'a/b'), '');
    expect(interest.match('default', 'a/b').nodes).toEqual(['n1', 'n2']);
  });

  it.each(['no realm', 'default\0', 'default\0a/#/b', 'default\0a+', 'default\0$share/g', 'default\0$share//a'])(
    'has no use for a key like %j',
    (key) => {
      const interest = new PeerInterest();
      interest.onEntry('n1', key, '');
      interest.onGone('n1', key);
      interest.onPurged('n1');
      expect(interest.filters()).toBe(0);
    },
  );

  it('takes a share without counts for one that nobody is in', () => {
    const interest = new PeerInterest();
    interest.onEntry('n1', interestKey('default', '$share/g/a'), 'many');
    expect(interest.match('default', 'a').shares[0]!.holders).toEqual([
      { nodeId: 'n1', count: { online: 0, away: 0 } },
    ]);
  });
});

describe('the interest of this node', () => {
  it('is told by filter: of shares with their counts, of others only that there are some', () => {
    const entries = new Map<string, string>();
    const own = new OwnInterest({
      get size() {
        return entries.size;
      },
      set: (key, value) => void entries.set(key, value),
      delete: (key) => void entries.delete(key),
    });
    own.set('r', 'a/b', { online: 1, away: 0 });
    own.set('r', 'a/b', { online: 2, away: 5 });
    own.set('r', '$share/g/a', { online: 0, away: 2 });
    own.set('r', 'gone', { online: 1, away: 0 });
    own.set('r', 'gone', { online: 0, away: 0 });
    expect([...entries]).toEqual([
      ['r\0a/b', ''],
      ['r\0$share/g/a', '0 2'],
    ]);
    own.set('r', '$share/g/a', { online: 0, away: 0 });
    own.delete('r', 'a/b');
    expect(own.filters).toBe(0);
  });
});
