import { describe, expect, it } from 'vitest';
import { LIMITS, type NewEvent } from '../../event.ts';
import { append, type OpenEngine, onEngine, readAll, refusal } from '../engine-steps.ts';

/** Bounds on what is appended: the largest is taken, one more is refused and leaves nothing behind. */
export function describeLimits(open: OpenEngine): void {
  const stream = 's'.repeat(200);

  describe('the limits', () => {
    it('take the longest names, tags and ids', () =>
      onEngine(open, async (engine) => {
        const text = 'ü'.repeat(100);
        const event: NewEvent = {
          type: text,
          tags: Array.from({ length: 32 }, (_, i) => String(i).padEnd(200, 'x')),
          correlationId: text,
          causationId: text,
          contentType: text,
          data: new Uint8Array([1]),
        };
        await append(engine, stream, [event]);
        expect((await readAll(engine, { stream }))[0]).toMatchObject({
          type: text,
          correlationId: text,
          contentType: text,
        });
        expect((await readAll(engine))[0]!.tags).toEqual(event.tags);
      }));

    it.each<[string, string, NewEvent]>([
      ['a stream without a name', '', { type: 'x' }],
      ['too long a stream', `${stream}s`, { type: 'x' }],
      ['a stream too long when encoded', '/'.repeat(67), { type: 'x' }],
      ['a control character in a stream', 'a\nb', { type: 'x' }],
      ['a lone surrogate in a stream', 'a\ud800', { type: 'x' }],
      ['no type', 'a', { type: '' }],
      ['too long a type', 'a', { type: 'ü'.repeat(101) }],
      ['no UUID as an id', 'a', { type: 'x', id: '1' }],
      ['33 tags', 'a', { type: 'x', tags: Array.from({ length: 33 }, (_, i) => `${i}`) }],
      ['an empty tag', 'a', { type: 'x', tags: [''] }],
      ['too long a tag', 'a', { type: 'x', tags: ['ü'.repeat(101)] }],
      ['too long a correlation id', 'a', { type: 'x', correlationId: 'c'.repeat(201) }],
      ['too long a content type', 'a', { type: 'x', contentType: 'c'.repeat(201), data: new Uint8Array() }],
      ['a value where bytes belong', 'a', { type: 'x', contentType: 'text/plain', data: 'text' }],
      ['data that is no JSON', 'a', { type: 'x', data: 1n }],
      ['a function as data', 'a', { type: 'x', data: () => 1 }],
    ])('refuse %s', (_, name, event) =>
      onEngine(open, async (engine) => {
        expect((await refusal(append(engine, name, [event]))).code).toBe('bad_request');
        expect((await refusal(append(engine, name, ['fine', event]))).code).toBe('bad_request');
        expect(engine.lastPosition).toBe(-1);
        expect(await append(engine, 'a', ['x'], 'none')).toMatchObject({ position: 0 });
      }),
    );

    it('take an event of 1 MiB, and refuse a larger one', () =>
      onEngine(open, async (engine) => {
        const fixed = 20 + 'a'.length + 'x'.length + 1 + 'application/octet-stream'.length;
        const data = new Uint8Array(LIMITS.maxEventBytes - fixed).fill(7);
        await append(engine, 'a', [{ type: 'x', data }]);
        const larger = new Uint8Array(data.length + 1);
        expect(await refusal(append(engine, 'a', [{ type: 'x', data: larger }]))).toEqual({
          code: 'payload_too_large',
          maxBytes: LIMITS.maxEventBytes,
        });
        expect(await readAll(engine)).toHaveLength(1);
        expect((await readAll(engine))[0]!.bytes.length).toBe(data.length);
      }));

    it('take 1,000 events at once, and refuse one more', () =>
      onEngine(open, async (engine) => {
        expect(await append(engine, 'a', Array(1000).fill('x'))).toMatchObject({ position: 999, versions: [999] });
        expect((await refusal(append(engine, 'a', Array(1001).fill('x')))).code).toBe('bad_request');
        const writes = ['b', 'c'].map((name) => ({ stream: name, events: Array(501).fill({ type: 'x' }) }));
        expect((await refusal(engine.append({ writes }))).code).toBe('bad_request');
        expect(engine.lastPosition).toBe(999);
      }));

    it('refuse more than 4 MiB at once, and nothing at all', () =>
      onEngine(open, async (engine) => {
        const event = { type: 'x', data: new Uint8Array(1000 * 1000) };
        await append(engine, 'a', [event, event, event, event]);
        expect((await refusal(append(engine, 'a', [event, event, event, event, event]))).code).toBe(
          'payload_too_large',
        );
        expect((await refusal(append(engine, 'a', []))).code).toBe('bad_request');
        expect((await refusal(engine.append({ writes: [] }))).code).toBe('bad_request');
        const twice = ['a', 'a'].map((name) => ({ stream: name, events: [{ type: 'x' }] }));
        expect((await refusal(engine.append({ writes: twice }))).code).toBe('bad_request');
        expect(engine.lastPosition).toBe(3);
      }));
  });
}
