import { describe, expect, it } from 'vitest';
import { errorOf, resultOf, START_MS, TestWriter, uuid, uuid7, write } from './testing/writer-steps.ts';

/** Where the events of the first append are when it is asked for again. */
const places: [string, (test: TestWriter) => void][] = [
  ['in the tail', () => {}],
  [
    'in the index',
    (test) => {
      test.writer.tend();
      test.writer.tend();
      expect(test.rows('SELECT count(*) FROM id_index')).not.toEqual([[0]]);
    },
  ],
  ['in a file that was opened anew', (test) => void test.reopen()],
];

describe.each(places)('an append whose events are %s', (_, move) => {
  it.each([
    ['v4 ids', uuid],
    ['v7 ids', (n: number) => uuid7(START_MS + n, n)],
    ['v7 ids of one time', (n: number) => uuid7(START_MS, n)],
    ['v7 ids of times going back', (n: number) => uuid7(START_MS - n, n)],
  ])('is known again by %s, alone and in a later commit of many', (_name, id) => {
    using test = new TestWriter();
    const requests = Array.from({ length: 20 }, (__, n) =>
      write(`s${n % 3}`, [
        { id: id(n * 2), type: 'x', data: n },
        { id: id(n * 2 + 1), type: 'y' },
      ]),
    );
    const first = test.commit(...requests).map((outcome) => resultOf(outcome) as object);
    move(test);
    const again = first.map((result) => ({ ok: true, result: { ...result, duplicate: true } }));
    expect(test.commit(...requests)).toEqual(again);
    expect(test.commit(requests[7]!)).toEqual([again[7]]);
    const changed = write('s1', [
      { id: id(14), type: 'x', data: 'other' },
      { id: id(15), type: 'y' },
    ]);
    expect(errorOf(test.commit(changed)[0])).toEqual({ code: 'event_id_conflict', id: id(14) });
    const part = write('s1', [{ id: id(15), type: 'y' }]);
    expect(errorOf(test.commit(part)[0])).toEqual({ code: 'event_id_conflict', id: id(15) });
    expect(test.writer.lastPosition).toBe(39);
  });

  it('does not pass for the one before or after it, or for both together', () => {
    using test = new TestWriter();
    const event = (n: number) => ({ id: uuid(n), type: 'x' });
    for (let n = 0; n < 4; n++) test.append('a', [event(n)]);
    test.append('a', [event(4), event(5)]);
    move(test);
    for (const events of [[0, 1], [1, 2, 3], [3, 4], [4], [5], [3, 4, 5], [4, 5, 6], [1, 0], [7, 0], [0, 7], [5, 4]]) {
      expect(errorOf(test.commit(write('a', events.map(event)))[0]), `${events}`).toMatchObject({
        code: 'event_id_conflict',
      });
    }
    expect(test.append('a', [event(4), event(5)])).toMatchObject({ position: 5, duplicate: true });
    expect(test.append('a', [event(7)])).toMatchObject({ position: 6, duplicate: false });
  });
});

describe('ids that clocks disagree about', () => {
  it('are known whichever is the newest', () => {
    using test = new TestWriter();
    const ahead = write('a', [{ id: uuid7(START_MS + 1e9, 1), type: 'x' }]);
    const behind = write('a', [{ id: uuid7(START_MS - 1e9, 2), type: 'x' }]);
    const tend = () => {
      test.writer.tend();
      test.writer.tend();
    };
    test.commit(ahead);
    tend();
    test.commit(behind);
    tend();
    test.append('a', ['x']);
    tend();
    for (const open of [() => {}, () => void test.reopen()]) {
      open();
      const outcomes = test.commit(ahead, behind).map((outcome) => resultOf(outcome));
      expect(outcomes).toMatchObject([{ duplicate: true }, { duplicate: true }]);
    }
    expect(test.rows("SELECT value FROM meta WHERE key = 'newestIdMs'")).toEqual([[START_MS + 1e9]]);
  });
});
