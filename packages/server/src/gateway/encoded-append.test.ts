import { PlexusError } from '@plexus/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteSink } from '../lib/byte-sink.ts';
import { UuidV7 } from '../lib/uuid.ts';
import type { AppendRequest } from '../store/append.ts';
import { readAppend, writeAppend } from '../store/append-codec.ts';
import { RecordedEvent } from '../store/recorded-event.ts';
import { seeded } from '../testing/seed.ts';
import { checkEncodedAppend } from './encoded-append.ts';

function encode(request: AppendRequest): Buffer {
  const sink = new ByteSink(256);
  writeAppend(sink, request, new UuidV7(() => 1_800_000_000_000));
  return Buffer.from(sink.take());
}

const WHOLE: AppendRequest = {
  writes: [
    {
      stream: 'one',
      expectedVersion: 'none',
      events: [
        { type: 't', data: { n: 1 }, metadata: { m: 1 }, tags: ['a', 'b'], correlationId: 'c', causationId: 'd' },
        { type: 'u', data: Uint8Array.of(1, 2) },
      ],
    },
    { stream: 'two', expectedVersion: 7, events: [{ type: 't' }] },
  ],
  condition: { failIfEventsMatch: [{ types: ['t'], tags: ['a'] }], after: 3 },
};

const codeOf = (bytes: Buffer): string => {
  try {
    checkEncodedAppend(bytes);
    return 'none';
  } catch (error) {
    return (error as PlexusError).code;
  }
};

describe('an append that another node has encoded', () => {
  it('is taken as it is made', () => {
    expect(checkEncodedAppend(encode(WHOLE))).toBe(2);
    expect(checkEncodedAppend(encode({ writes: [{ stream: 's', events: [{ type: 't' }] }] }))).toBe(1);
  });

  it('is refused where a part is missing, or too much', () => {
    const bytes = encode(WHOLE);
    for (let length = 0; length < bytes.length; length++) {
      const cut = Buffer.from(bytes.subarray(0, length));
      if (length >= 4) cut.writeUInt32LE(length, 0);
      expect(codeOf(cut), `${length} bytes`).not.toBe('none');
    }
    const longer = Buffer.concat([bytes, Buffer.of(0)]);
    longer.writeUInt32LE(longer.length, 0);
    expect(codeOf(longer)).toBe('bad_request');
  });

  it('is refused where a stream is written twice, or in the write of another', () => {
    const twice = encode({ writes: ['one', 'two'].map((stream) => ({ stream, events: [{ type: 't' }] })) });
    twice.write('one', twice.lastIndexOf('two'));
    expect(codeOf(twice)).toBe('bad_request');
    const mixed = encode({ writes: [{ stream: 'one', events: [{ type: 't' }, { type: 't' }] }] });
    mixed.write('two', mixed.lastIndexOf('one'));
    expect(codeOf(mixed)).toBe('bad_request');
  });

  it('is refused, or can be read whole, whatever bytes of it are changed', () => {
    const bytes = encode(WHOLE);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, value] of changes) changed[at] = value;
        try {
          checkEncodedAppend(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(PlexusError);
          return;
        }
        const { writes, end } = readAppend(changed, 0);
        expect(end).toBe(changed.length);
        for (const { records } of writes) {
          for (let i = 0; i < records.length; i += 2) {
            const event = new RecordedEvent(changed, records[i]!, records[i + 1]!, 0, 0, 0);
            expect(event.bytes.byteOffset + event.bytes.length - changed.byteOffset).toBe(records[i + 1]!);
            expect(event.tags.length).toBeLessThanOrEqual(32);
          }
        }
      }),
      seeded(3000),
    );
  });
});
