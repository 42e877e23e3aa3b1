import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { seeded } from '../../testing/seed.ts';
import { anyTopic } from '../../testing/topics.ts';
import { pathsOfTopic, takesPart } from '../key-paths.ts';
import { RecentTopics } from './recent-topics.ts';

function world(maxTopics?: number) {
  const clock = new FakeClock();
  const topics = new RecentTopics(clock, maxTopics === undefined ? {} : { maxTopics });
  const published = new Set<string>();
  const said: string[] = [];
  topics.listener = {
    onPath(realm, path, isPublished) {
      const what = `${realm} ${path}`;
      expect(published.has(what)).toBe(!isPublished);
      if (isPublished) published.add(what);
      else published.delete(what);
      said.push(`${isPublished ? '+' : '-'}${what}`);
    },
  };
  return { clock, topics, published, said };
}

describe('recent topics', () => {
  it('are those that were touched within five minutes, with all of their prefixes', () => {
    const step = fc.record({ realm: fc.constantFrom('r', 's'), topic: anyTopic, afterMs: fc.nat(90_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { clock, topics, published } = world();
        const touched = new Map<string, number>();
        const check = (): void => {
          const expected = [...touched].filter(([, at]) => at + 300_000 > clock.now()).map(([what]) => what);
          expect([...published].sort()).toEqual(expected.sort());
        };
        for (const { realm, topic, afterMs } of steps) {
          clock.advance(afterMs);
          check();
          topics.touch(realm, topic);
          if (takesPart(topic)) for (const path of pathsOfTopic(topic)) touched.set(`${realm} ${path}`, clock.now());
          check();
        }
        clock.advance(300_000);
        expect([published.size, topics.size, clock.pending]).toEqual([0, 0, 0]);
      }),
      seeded(200),
    );
  });

  it('stay while they are touched, and are said to go once they are not', () => {
    const { clock, topics, said } = world();
    for (let s = 0; s < 1000; s++) {
      topics.touch('r', 'a/b');
      clock.advance(1000);
    }
    expect(said).toEqual(['+r ', '+r /a', '+r /a/b']);
    clock.advance(298_999);
    expect(said).toHaveLength(3);
    clock.advance(1);
    expect(said.slice(3).sort()).toEqual(['-r ', '-r /a', '-r /a/b']);
  });

  it('beyond a thousand count only with shorter prefixes', () => {
    const { topics, published } = world();
    for (let i = 0; i < 1500; i++) topics.touch('r', `t/${i}`);
    topics.touch('r', 'u/v/w');
    expect(published.size).toBe(1004);
    expect([published.has('r /t/999'), published.has('r /t/1000')]).toEqual([true, false]);
    expect([published.has('r /u'), published.has('r /u/v'), published.has('r /u/v/w')]).toEqual([true, true, false]);
    expect([topics.size, topics.shortened]).toEqual([1000, 501]);
  });

  it('beyond the bound of shorter prefixes too, count with the realm and what is there anyway', () => {
    const { topics, published } = world(3);
    for (const topic of ['a/1', 'b/1', 'c/1']) topics.touch('r', topic);
    topics.touch('r', 'd/1');
    topics.touch('other', 'd/1');
    topics.touch('r', 'a/1/x');
    expect([...published]).toEqual(['r ', 'r /a', 'r /a/1', 'r /b', 'r /b/1', 'r /c', 'r /c/1', 'other ']);
  });

  it('keep what shorter prefixes they found there, also when the topic they had them from is idle', () => {
    const { clock, topics, published } = world(1);
    topics.touch('r', 'a/1');
    for (let s = 0; s < 299; s++) {
      clock.advance(1000);
      topics.touch('r', 'a/2');
    }
    clock.advance(1000);
    expect([...published].sort()).toEqual(['r ', 'r /a']);
    topics.touch('r', 'a/2');
    expect([...published].sort()).toEqual(['r ', 'r /a', 'r /a/2']);
  });

  it('do not push each other out, however they take turns', () => {
    const { clock, topics, said } = world(2);
    const all = ['a/b', 'c/d', 'e/f', 'g'];
    for (let s = 0; s < 2000; s++) {
      topics.touch('r', all[s % all.length]!);
      clock.advance(1000);
    }
    expect(said).toEqual(['+r ', '+r /a', '+r /a/b', '+r /c', '+r /c/d']);
  });

  it('stop with their timer', () => {
    const { clock, topics, said } = world();
    topics.touch('r', 'a');
    topics.stop();
    topics.touch('r', 'b');
    clock.advance(1_000_000);
    expect([said.length, clock.pending]).toEqual([2, 0]);
  });
});
