import { topicMatches } from '@plexus/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { anyFilter, anyTopic } from '../testing/topics.ts';
import { pathOfFilter, pathsOfTopic, plainFilter, takesPart } from './key-paths.ts';

it.each([
  ['a/b/+/c', '/a/b'],
  ['a/b', '/a/b'],
  ['a/#', '/a'],
  ['#', ''],
  ['+/x', ''],
  ['/x/#', '//x'],
  ['/+', '/'],
  ['/', '//'],
  ['a//+', '/a/'],
  ['$share/g/a/+', '/a'],
  ['$share/g/#', ''],
])('the path of %s is %j', (filter, path) => {
  expect(pathOfFilter(filter)).toBe(path);
});

it.each([
  ['a/b/c', ['', '/a', '/a/b', '/a/b/c']],
  ['a', ['', '/a']],
  ['/', ['', '/', '//']],
  ['/x', ['', '/', '//x']],
  ['a//b', ['', '/a', '/a/', '/a//b']],
])('the paths of topic %s are %j', (topic, paths) => {
  expect(pathsOfTopic(topic)).toEqual(paths);
});

it('a filter that matches a topic has its path among those of the topic', () => {
  fc.assert(
    fc.property(anyFilter, anyTopic, (filter, topic) => {
      if (topicMatches(filter, topic)) expect(pathsOfTopic(topic)).toContain(pathOfFilter(filter));
    }),
    seeded(2000),
  );
});

it('a topic has as many paths as prefixes, each its own', () => {
  fc.assert(
    fc.property(anyTopic, (topic) => {
      const levels = topic.split('/');
      const prefixes = levels.map((_, i) => `/${levels.slice(0, i + 1).join('/')}`);
      expect(pathsOfTopic(topic)).toEqual(['', ...prefixes]);
      expect(new Set(pathsOfTopic(topic)).size).toBe(levels.length + 1);
    }),
    seeded(500),
  );
});

it.each([
  ['a/$b', true],
  ['#', true],
  ['/$x', true],
  ['$SYS/x', false],
  ['$store/#', false],
  ['$', false],
  ['$share', false],
  ['$share/g/a', true],
  ['$share/$g/#', true],
  ['$share/g/$SYS/#', false],
])('%s takes part: %s', (filter, takes) => {
  expect(takesPart(filter)).toBe(takes);
});

it.each([
  ['a/b', 'a/b'],
  ['$share/g/a/b', 'a/b'],
  ['$share/g//', '/'],
  ['$shared/g/a', '$shared/g/a'],
  ['$share/g', '$share/g'],
])('%s is %s without its group', (filter, plain) => {
  expect(plainFilter(filter)).toBe(plain);
});
