import { InterestStamps, topicMatches } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../testing/seed.ts';
import { anyFilter, anyTopic } from '../../testing/topics.ts';
import { FilterTable, type RemoteFilter } from './remote-filters.ts';

const keys = new InterestStamps();

describe('the filters of peers', () => {
  it('match as the plain statement of the specification does, whatever came and went, and a stamp tells when', () => {
    const change = fc.record({ peer: fc.constantFrom('a', 'b', 'c'), filter: anyFilter, isGone: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.array(anyTopic, { maxLength: 10 }), (changes, topics) => {
        const table = new FilterTable();
        const held = new Map<string, { peer: string; filter: string; entry: RemoteFilter }>();
        const before = new Map<string, { stamp: number; peers: string[] }>();
        for (const { peer, filter, isGone } of changes) {
          const known = held.get(`${peer} ${filter}`);
          if (isGone && known !== undefined) {
            table.remove('r', filter, known.entry);
            held.delete(`${peer} ${filter}`);
          } else if (!isGone && known === undefined) {
            held.set(`${peer} ${filter}`, { peer, filter, entry: table.add('r', peer, filter) });
          }
          expect(table.size).toBe(held.size);
          for (const topic of topics) {
            const wants = [...held.values()]
              .filter((each) => topicMatches(each.filter, topic))
              .map((each) => each.peer);
            const expected = [...new Set(wants)].sort();
            const stamp = table.stamp('r', keys.keysOf(topic));
            const last = before.get(topic);
            if (last?.stamp === stamp) expect(last.peers).toEqual(expected);
            expect([...table.match('r', topic)].sort()).toEqual(expected);
            expect(table.match('other', topic)).toEqual([]);
            before.set(topic, { stamp, peers: expected });
          }
        }
      }),
      seeded(100),
    );
  });

  it('are found again only after a change that can touch the topic', () => {
    const table = new FilterTable();
    table.add('r', 'a', 'x/+');
    const first = table.match('r', 'x/1');
    table.add('r', 'b', 'y/1');
    table.add('s', 'b', 'x/1');
    expect(table.match('r', 'x/1')).toBe(first);
    table.add('r', 'b', 'x/1');
    expect(table.match('r', 'x/1')).toHaveLength(2);
  });

  it('of topics without end take a bounded place', () => {
    const table = new FilterTable();
    table.add('r', 'a', '#');
    for (let i = 0; i < 20_000; i++) expect(table.match('r', `t/${i}`)).toEqual(['a']);
  });
});
