import { describe, expect, it } from 'vitest';
import type { AppendRequest } from '../../append.ts';
import { append, type OpenEngine, onEngine, readAll, refusal, uuid } from '../engine-steps.ts';

/** Ids make a retry safe: the first answer again, and never a second copy. */
export function describeEventIds(open: OpenEngine): void {
  const first: AppendRequest = {
    writes: [
      {
        stream: 'a',
        expectedVersion: 'none',
        events: [
          { id: uuid(1), type: 'x', data: 1 },
          { id: uuid(2), type: 'y' },
        ],
      },
      { stream: 'b', expectedVersion: 'none', events: [{ id: uuid(3), type: 'z', tags: ['t'] }] },
    ],
  };

  describe('the same ids again', () => {
    it('give the first answer, whatever came after', () =>
      onEngine(open, async (engine, test) => {
        test.setWallMs?.(1_800_000_000_000);
        const answer = await engine.append(first);
        expect(answer).toMatchObject({ position: 2, versions: [1, 0], duplicate: false });
        test.setWallMs?.(1_800_000_001_000);
        await append(engine, 'a', ['more']);
        await append(engine, 'b', ['more'], 0);
        expect(await engine.append(first)).toEqual({ ...answer, duplicate: true });
        await engine.write('deleteStream', { stream: 'a', tombstone: true });
        expect(await engine.append(first)).toEqual({ ...answer, duplicate: true });
        expect(await readAll(engine)).toHaveLength(5);
      }));

    it('are looked at before expectations and conditions', () =>
      onEngine(open, async (engine) => {
        const request = (after: number): AppendRequest => ({
          writes: [{ stream: 'a', expectedVersion: 'none', events: [{ id: uuid(1), type: 'x' }] }],
          condition: { failIfEventsMatch: [{ types: ['x'] }], after },
        });
        const answer = await engine.append(request(-1));
        expect(await engine.append(request(-1))).toEqual({ ...answer, duplicate: true });
        // Expectations may be others in the retry: only ids and content count.
        const again = [{ stream: 'a', expectedVersion: 40, events: [{ id: uuid(1).toUpperCase(), type: 'x' }] }];
        expect(await engine.append({ writes: again })).toEqual({ ...answer, duplicate: true });
      }));

    it('are known also while the first append is on its way', () =>
      onEngine(open, async (engine) => {
        const answers = await Promise.all([engine.append(first), engine.append(first), engine.append(first)]);
        expect(answers.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
        expect(new Set(answers.map(({ position }) => position))).toEqual(new Set([2]));
        expect(await readAll(engine)).toHaveLength(3);
      }));

    it('are known after a refused append of theirs as new', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'a', ['x']);
        expect((await refusal(engine.append(first))).code).toBe('wrong_expected_version');
        expect(await append(engine, 'c', [{ id: uuid(1), type: 'other' }])).toMatchObject({
          position: 1,
          duplicate: false,
        });
      }));

    it.each<[string, AppendRequest['writes']]>([
      [
        'other data',
        [
          {
            stream: 'a',
            events: [
              { id: uuid(1), type: 'x', data: 2 },
              { id: uuid(2), type: 'y' },
            ],
          },
          first.writes[1]!,
        ],
      ],
      [
        'another type',
        [
          {
            stream: 'a',
            events: [
              { id: uuid(1), type: 'X', data: 1 },
              { id: uuid(2), type: 'y' },
            ],
          },
          first.writes[1]!,
        ],
      ],
      ['other tags', [first.writes[0]!, { stream: 'b', events: [{ id: uuid(3), type: 'z' }] }]],
      ['another stream', [first.writes[0]!, { stream: 'c', events: [{ id: uuid(3), type: 'z', tags: ['t'] }] }]],
      ['another order', [first.writes[1]!, first.writes[0]!]],
      [
        'another order within a stream',
        [{ stream: 'a', events: first.writes[0]!.events.toReversed() }, first.writes[1]!],
      ],
      ['a part of them', [first.writes[0]!]],
      ['one of them', [first.writes[1]!]],
      ['the last ones', [{ stream: 'a', events: [first.writes[0]!.events[1]!] }, first.writes[1]!]],
      [
        'one more at the end',
        [first.writes[0]!, { stream: 'b', events: [...first.writes[1]!.events, { id: uuid(4), type: 'z' }] }],
      ],
      [
        'one more at the start',
        [{ stream: 'a', events: [{ id: uuid(4), type: 'z' }, ...first.writes[0]!.events] }, first.writes[1]!],
      ],
      ['one without an id', [...first.writes, { stream: 'c', events: [{ type: 'z' }] }]],
      [
        'a known one among new ones',
        [
          {
            stream: 'n',
            events: [
              { id: uuid(8), type: 'n' },
              { id: uuid(2), type: 'y' },
            ],
          },
        ],
      ],
      ['those of two appends', [...first.writes, { stream: 'c', events: [{ id: uuid(5), type: 'c' }] }]],
    ])('with %s are a conflict', (_, writes) =>
      onEngine(open, async (engine) => {
        await engine.append(first);
        await append(engine, 'c', [{ id: uuid(5), type: 'c' }]);
        const refused = await refusal(engine.append({ writes }));
        expect(refused.code).toBe('event_id_conflict');
        expect([uuid(1), uuid(2), uuid(3), uuid(5)]).toContain(refused.id);
        expect(engine.lastPosition).toBe(3);
        expect(await engine.append(first)).toMatchObject({ duplicate: true });
      }),
    );

    it('twice in one append are a conflict', () =>
      onEngine(open, async (engine) => {
        const event = { id: uuid(1), type: 'x' };
        expect(await refusal(append(engine, 'a', [event, event]))).toMatchObject({
          code: 'event_id_conflict',
          id: uuid(1),
        });
        const writes = ['a', 'b'].map((stream) => ({ stream, events: [event] }));
        expect(await refusal(engine.append({ writes }))).toMatchObject({ code: 'event_id_conflict', id: uuid(1) });
        expect(engine.lastPosition).toBe(-1);
      }));

    it('stand for two appends that follow each other, not for one of both', () =>
      onEngine(open, async (engine) => {
        const one = { id: uuid(1), type: 'x' };
        const two = { id: uuid(2), type: 'x' };
        await append(engine, 'a', [one]);
        await append(engine, 'a', [two]);
        expect((await refusal(append(engine, 'a', [one, two]))).code).toBe('event_id_conflict');
        expect(await append(engine, 'a', [one])).toMatchObject({ position: 0, duplicate: true });
      }));

    it('are known after thousands of other events', () =>
      onEngine(open, async (engine) => {
        const answer = await engine.append(first);
        for (let i = 0; i < 10; i++) await append(engine, `s${i}`, Array(1000).fill('bulk'));
        expect(await engine.append(first)).toEqual({ ...answer, duplicate: true });
        expect((await refusal(engine.append({ writes: [first.writes[0]!] }))).code).toBe('event_id_conflict');
      }));

    it('are known after the store was closed and opened', () =>
      onEngine(open, async (engine, test) => {
        const answer = await engine.append(first);
        if (test.reopen === null) return;
        const reopened = await test.reopen();
        expect(reopened.lastPosition).toBe(2);
        expect(await reopened.append(first)).toEqual({ ...answer, duplicate: true });
        expect((await refusal(reopened.append({ writes: [first.writes[1]!] }))).code).toBe('event_id_conflict');
        expect(await append(reopened, 'a', ['more'], 1)).toMatchObject({ position: 3, versions: [2] });
      }));
  });
}
