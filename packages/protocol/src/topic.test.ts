import { describe, expect, test } from 'vitest';
import { PacketError } from './packet-error.ts';
import { DEFAULT_TOPIC_LIMITS, readTopicName, topicFilterProblem, topicMatches, topicNameProblem } from './topic.ts';
import { encodeUtf8 } from './utf8.ts';

const limits = DEFAULT_TOPIC_LIMITS;
const GOOD_NAMES = ['a', '/', '//', '/a', 'a/', 'a b', '$SYS/x', 'ü/\u{1f680}', 'a'.repeat(1024), '/'.repeat(99)];
const BAD_NAMES = ['', '+', '#', 'a/+', 'a+b', 'a#', 'a'.repeat(1025), 'é'.repeat(513), '/'.repeat(100)];

describe('topic names', () => {
  test.each(GOOD_NAMES)('%j is one', (name) => {
    const bytes = encodeUtf8(name);
    expect(topicNameProblem(name, limits)).toBeNull();
    expect(readTopicName(bytes, 0, bytes.length, limits)).toBe(name);
  });

  test.each(BAD_NAMES)('%j is none', (name) => {
    const bytes = encodeUtf8(name);
    expect(topicNameProblem(name, limits)).not.toBeNull();
    expect(() => readTopicName(bytes, 0, bytes.length, limits)).toThrow(PacketError);
  });

  test.each(['a\0', '\ud800', 'a\udc00b'])('%j has no encoding', (name) => {
    expect(topicNameProblem(name, limits)).not.toBeNull();
    expect(topicFilterProblem(name, limits)).not.toBeNull();
  });
});

describe('topic filters', () => {
  const shared = ['$share/g/a', '$share/g/#', '$share/g//', '$share/g/+/a', `$share/g/${'/'.repeat(99)}`];
  test.each([...GOOD_NAMES, ...shared, '+', '#', '+/+', 'a/+/#', '/#', '+/a', '/+', '$share', '$SYS/#'])(
    '%j is one',
    (filter) => {
      expect(topicFilterProblem(filter, limits)).toBeNull();
    },
  );

  const badShared = [
    '$share/',
    '$share/g',
    '$share//a',
    '$share/g/',
    '$share/+/a',
    '$share/g#/a',
    '$share/g/a#',
    `$share/g/${'a'.repeat(1020)}`,
  ];
  const bad = ['', 'a#', '#/a', 'a/#/b', '##', 'a/##', 'a+', '+a', 'a/b+/c', '++', 'a'.repeat(1025), '/'.repeat(100)];
  test.each([...bad, ...badShared])('%j is none', (filter) => {
    expect(topicFilterProblem(filter, limits)).not.toBeNull();
  });
});

describe('a filter matches a topic', () => {
  test.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/B', false],
    ['a/b', 'a/b/', false],
    ['a', '/a', false],
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['sport/#', 'sports', false],
    ['#', 'a/b/c', true],
    ['#', '/', true],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['+', 'a', true],
    ['+/#', 'a', true],
    ['a/+/c', 'a//c', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['$SYS/#', '$SYS', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
    ['a/+', 'a/$b', true],
  ])('%s, %s: %s', (filter, topic, expected) => {
    expect(topicMatches(filter, topic)).toBe(expected);
  });
});
