import { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSink } from '../lib/byte-sink.ts';
import { isUuid, UuidV7 } from '../lib/uuid.ts';
import type { NewEvent } from './event.ts';
import { writeFrame } from './frame.ts';
import { decodePage } from './page.ts';
import { writeRecord } from './record.ts';

const ids = new UuidV7(() => 1_700_000_000_000);

function stored(stream: string, event: NewEvent) {
  const records = new ByteSink(16);
  writeRecord(records, stream, event, ids);
  const page = new ByteSink(16);
  const header = { position: 7, version: 3, timeUs: 1_700_000_000_000_123, stream: 1, type: 2, tags: [3, 4], part: 0 };
  writeFrame(page, header, records.take());
  return decodePage({ bytes: page.take(), count: 1 })[0]!;
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 });
const name = text.filter((name) => name.trim() !== '' && !/\p{Cc}/u.test(name) && name !== '.' && name !== '..');

describe('a record', () => {
  it('gives back every member', () => {
    fc.assert(
      fc.property(
        name,
        fc.record(
          {
            id: fc.uuid(),
            type: name,
            data: fc.jsonValue(),
            metadata: fc.jsonValue(),
            tags: fc.uniqueArray(text, { maxLength: 5 }),
            correlationId: fc.option(text),
            causationId: fc.option(text),
          },
          { requiredKeys: ['type'] },
        ),
        (stream, given) => {
          const event = stored(stream, given);
          expect(isUuid(event.id)).toBe(true);
          expect({ ...event, ...pick(event) }).toEqual({
            position: 7,
            version: 3,
            timeUs: 1_700_000_000_000_123,
            id: given.id ?? event.id,
            stream,
            type: given.type,
            contentType: 'application/json',
            // What JSON makes of it: -0 is 0.
            data: JSON.parse(JSON.stringify(given.data ?? null)),
            metadata: JSON.parse(JSON.stringify(given.metadata ?? null)),
            tags: given.tags ?? [],
            correlationId: given.correlationId ?? null,
            causationId: given.causationId ?? null,
          });
        },
      ),
    );
  });

  it('takes any bytes under another content type, and names one for bytes without', () => {
    const bytes = Uint8Array.of(0, 255, 128);
    expect(stored('a', { type: 't', data: bytes, contentType: 'image/png' })).toMatchObject({
      contentType: 'image/png',
    });
    const event = stored('a', { type: 't', data: bytes });
    expect(event.contentType).toBe('application/octet-stream');
    expect([...event.bytes]).toEqual([...bytes]);
  });

  it.each<[string, NewEvent]>([
    ['an id that is no UUID', { type: 't', id: 'x' }],
    ['an empty type', { type: '' }],
    ['a type over 200 bytes when percent-encoded', { type: '/'.repeat(67) }],
    ['33 tags', { type: 't', tags: Array.from({ length: 33 }, (_, i) => `${i}`) }],
    ['a tag of 201 bytes', { type: 't', tags: ['x'.repeat(201)] }],
    ['a tag with U+0000', { type: 't', tags: ['a\0b'] }],
    ['data that JSON cannot say', { type: 't', data: 1n }],
    ['JSON data under another content type', { type: 't', data: {}, contentType: 'text/plain' }],
    ['more than 1 MiB', { type: 't', data: 'x'.repeat(1024 * 1024) }],
  ])('refuses %s, and leaves nothing behind', (_, event) => {
    const sink = new ByteSink();
    sink.u8(1);
    expect(() => writeRecord(sink, 'a', event, ids)).toThrow(PlexusError);
    expect(sink.length).toBe(1);
  });
});

function pick({
  id,
  stream,
  type,
  contentType,
  data,
  metadata,
  tags,
  correlationId,
  causationId,
}: ReturnType<typeof stored>) {
  return { id, stream, type, contentType, data, metadata, tags, correlationId, causationId };
}
