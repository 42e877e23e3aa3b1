import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketError } from './packet-error.ts';
import { seeded } from './testing/seed.ts';
import { DEFAULT_TOPIC_LIMITS } from './topic.ts';
import { TopicTable } from './topic-table.ts';

const lookup = (table: TopicTable, name: string, before = '') => {
  const bytes = Buffer.from(`${before}${name}after`);
  const start = Buffer.byteLength(before);
  return table.lookup(bytes, start, start + Buffer.byteLength(name));
};

describe('the topic table', () => {
  it('gives the same object for the same bytes, wherever they lie', () => {
    const table = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
    const topic = lookup(table, 'a/ü');
    expect(lookup(table, 'a/ü', 'before')).toBe(topic);
    expect([topic.name, Buffer.from(topic.bytes).toString()]).toEqual(['a/ü', 'a/ü']);
  });

  it('keeps bytes of its own: the buffer may change afterwards', () => {
    const table = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
    const bytes = Buffer.from('abc');
    const topic = table.lookup(bytes, 0, 3);
    bytes.fill('x');
    expect(Buffer.from(topic.bytes).toString()).toBe('abc');
    expect(lookup(table, 'abc')).toBe(topic);
  });

  it.each(['a/#', '+', 'a\0b', '', 'x'.repeat(1025), 'a/'.repeat(100)])(
    'refuses %.20j and keeps nothing of it',
    (name) => {
      const table = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
      for (let i = 0; i < 2; i++) expect(() => lookup(table, name)).toThrow(PacketError);
    },
  );

  it('refuses what is no UTF-8 [MQTT-1.5.4-1]', () => {
    const table = new TopicTable(64, DEFAULT_TOPIC_LIMITS);
    expect(() => table.lookup(Uint8Array.of(0x61, 0xff), 0, 2)).toThrow(PacketError);
  });

  it('never answers with another topic, however small it is and whatever is asked', () => {
    const name = fc.stringMatching(/^[a-c]{1,3}(\/[a-c]{0,2}){0,2}$/);
    fc.assert(
      fc.property(fc.array(name, { maxLength: 200 }), (names) => {
        const table = new TopicTable(8, DEFAULT_TOPIC_LIMITS);
        for (const asked of names) {
          const topic = lookup(table, asked);
          expect(topic.name).toBe(asked);
          expect(lookup(table, asked)).toBe(topic);
        }
      }),
      seeded(200),
    );
  });

  it('lets go of the route of a topic that it forgets, and of all when told', () => {
    const table = new TopicTable(4, DEFAULT_TOPIC_LIMITS);
    const topics = Array.from({ length: 50 }, (_, i) => {
      const topic = lookup(table, `t/${i}`);
      topic.route = i;
      return topic;
    });
    expect(topics.filter((topic) => topic.route !== null)).toHaveLength(4);
    table.forgetRoutes();
    expect(topics.filter((topic) => topic.route !== null)).toEqual([]);
  });

  it('keeps a topic that is asked for often among many that come once', () => {
    const table = new TopicTable(4, DEFAULT_TOPIC_LIMITS);
    const hot = lookup(table, 'hot');
    for (let i = 0; i < 100; i++) {
      lookup(table, `cold/${i}`);
      expect(lookup(table, 'hot')).toBe(hot);
    }
  });
});
