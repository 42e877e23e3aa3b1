import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSink } from '../../lib/byte-sink.ts';
import { UuidV7 } from '../../lib/uuid.ts';
import { seeded } from '../../testing/seed.ts';
import type { NewEvent } from '../event.ts';
import { eventJson } from '../event-json.ts';
import { writeRecord } from '../record.ts';
import { RecordedEvent } from '../recorded-event.ts';
import { LineWriter } from './ndjson.ts';

const ids = new UuidV7(() => 1_700_000_000_000);

function recordOf(stream: string, event: NewEvent): Buffer {
  const sink = new ByteSink(16);
  writeRecord(sink, stream, event, ids);
  return sink.take();
}

function lineOf(record: Buffer, position: number, version: number, timeUs: number): string {
  // Somewhere in a larger buffer, and into a sink that has to grow.
  const buffer = Buffer.concat([Buffer.alloc(5, 0xff), record, Buffer.alloc(3, 0xff)]);
  const sink = new ByteSink(8);
  sink.u8(0x2a);
  new LineWriter(sink).write(buffer, 5, 5 + record.length, position, version, timeUs);
  return sink.take().toString().slice(1);
}

const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((value) => !/\p{Cc}/u.test(value) && Buffer.byteLength(value) <= 60);
const label = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((value) => !value.includes('\0') && Buffer.byteLength(value) <= 200);
const event: fc.Arbitrary<NewEvent> = fc.record(
  {
    type: name,
    data: fc.oneof(fc.jsonValue(), fc.uint8Array({ maxLength: 50 })),
    metadata: fc.jsonValue(),
    tags: fc.array(label, { maxLength: 5 }),
    correlationId: fc.option(label),
    causationId: fc.option(label),
  },
  { requiredKeys: ['type', 'data'] },
);

describe('an event as a line of JSON', () => {
  it('is the same as the event as an object, member for member', () => {
    const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    const timeUs = fc.nat({ max: 4_000_000_000_000_000 });
    fc.assert(
      fc.property(name, event, number, number, timeUs, (stream, given, position, version, time) => {
        const record = recordOf(stream, given);
        const line = lineOf(record, position, version, time);
        expect(line.endsWith('\n')).toBe(true);
        const stored = new RecordedEvent(record, 0, record.length, position, version, time);
        // Text by text, since the order of members counts too.
        expect(JSON.stringify(JSON.parse(line))).toBe(JSON.stringify(eventJson(stored)));
      }),
      seeded(300),
    );
  });

  it('shows data as it was stored, without a change to its text', () => {
    const record = recordOf('a', {
      id: '00000000-0000-4000-8000-00000000000f',
      type: 'x',
      data: { b: 1, a: 'ü\u2028"' },
    });
    expect(lineOf(record, 7, 0, 1_800_000_000_123_456)).toBe(
      '{"id":"00000000-0000-4000-8000-00000000000f","stream":"a","version":0,"position":7,"type":"x",' +
        '"contentType":"application/json","data":{"b":1,"a":"ü\u2028\\""},"metadata":null,"tags":[],' +
        '"time":"2027-01-15T08:00:00.123456Z","timeUs":1800000000123456,"correlationId":null,"causationId":null}\n',
    );
  });

  it('has room for the longest texts with everything in them escaped', () => {
    const long = '\u0001'.repeat(200);
    const record = recordOf('"'.repeat(200), {
      type: '\\'.repeat(200),
      data: new Uint8Array(10),
      contentType: long,
      tags: Array.from({ length: 32 }, (_, i) => `${'\u001f'.repeat(197)}${i}`),
      correlationId: long,
      causationId: long,
    });
    const stored = new RecordedEvent(record, 0, record.length, 1, 2, 3);
    expect(JSON.parse(lineOf(record, 1, 2, 3))).toEqual(eventJson(stored));
  });
});
