import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../event.ts';
import { append, type OpenEngine, onEngine, plain, readAll, refusal, uuid } from '../engine-steps.ts';

/** What an append does, and what it says. */
export function describeAppends(open: OpenEngine): void {
  describe('an append', () => {
    it('gives versions from 0 in each stream, and positions from 0 in the store, without gaps', () =>
      onEngine(open, async (engine) => {
        expect(engine.lastPosition).toBe(-1);
        expect(await append(engine, 'a', ['x', 'y'])).toMatchObject({ position: 1, versions: [1], duplicate: false });
        expect(await append(engine, 'b', ['x'])).toMatchObject({ position: 2, versions: [0] });
        expect(await append(engine, 'a', ['z'])).toMatchObject({ position: 3, versions: [2] });
        const events = await readAll(engine);
        expect(events.map(({ stream, version, position, type }) => [stream, version, position, type])).toEqual([
          ['a', 0, 0, 'x'],
          ['a', 1, 1, 'y'],
          ['b', 0, 2, 'x'],
          ['a', 2, 3, 'z'],
        ]);
        expect(engine.lastPosition).toBe(3);
      }));

    it('keeps every member of an event', () =>
      onEngine(open, async (engine) => {
        const event: NewEvent = {
          id: uuid(7).toUpperCase(),
          type: 'Größe/é+#%🎉',
          data: { list: [1, -0.5, 'ü', null, { deep: true }], text: '\u2028"\\' },
          metadata: { who: 'me' },
          tags: ['a', 'b:ü', 'a'],
          correlationId: 'together',
          causationId: 'from outside',
        };
        const { timeUs } = await append(engine, 'Ström/1', [event]);
        expect((await readAll(engine)).map(plain)).toEqual([
          {
            ...event,
            id: uuid(7),
            stream: 'Ström/1',
            version: 0,
            position: 0,
            contentType: 'application/json',
            data: Buffer.from(JSON.stringify(event.data)).toString('latin1'),
            tags: ['a', 'b:ü'],
            timeUs,
          },
        ]);
      }));

    it('makes ids that differ, for events that bring none', () =>
      onEngine(open, async (engine) => {
        await append(
          engine,
          'a',
          Array.from({ length: 50 }, () => 'x'),
        );
        await append(engine, 'b', ['x', 'x']);
        const ids = (await readAll(engine)).map(({ id }) => id);
        expect(new Set(ids).size).toBe(52);
        expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id))).toBe(true);
      }));

    it('keeps bytes of any content type as they are', () =>
      onEngine(open, async (engine) => {
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
        await append(engine, 'a', [
          { type: 'x', data: bytes },
          { type: 'x', data: bytes, contentType: 'image/png' },
          { type: 'x', data: new Uint8Array(0) },
          { type: 'x', contentType: 'application/json' },
          { type: 'x', data: new Uint8Array([0x7b, 0x7d]), contentType: 'text/plain' },
        ]);
        const events = await readAll(engine);
        expect(events.map(({ contentType }) => contentType)).toEqual([
          'application/octet-stream',
          'image/png',
          'application/octet-stream',
          'application/json',
          'text/plain',
        ]);
        expect(events.slice(0, 3).map(({ bytes: stored }) => [...stored])).toEqual([[...bytes], [...bytes], []]);
        expect(events[3]!.data).toBeNull();
        expect(Buffer.from(events[4]!.bytes).toString()).toBe('{}');
      }));

    it('goes to several streams at once, and answers for each', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'b', ['x']);
        const writes = [
          { stream: 'a', events: [{ type: 'x' }, { type: 'y' }] },
          { stream: 'b', events: [{ type: 'z' }] },
        ];
        expect(await engine.append({ writes })).toMatchObject({ position: 3, versions: [1, 1] });
        expect((await readAll(engine)).map(({ stream, version }) => `${stream}${version}`)).toEqual([
          'b0',
          'a0',
          'a1',
          'b1',
        ]);
      }));

    it('is all or nothing', () =>
      onEngine(open, async (engine) => {
        await append(engine, 'b', ['x']);
        const writes = [
          { stream: 'a', expectedVersion: 'none' as const, events: [{ type: 'x' }] },
          { stream: 'b', expectedVersion: 7, events: [{ type: 'x' }] },
        ];
        expect((await refusal(engine.append({ writes }))).code).toBe('wrong_expected_version');
        expect(engine.lastPosition).toBe(0);
        expect((await refusal(engine.read('streamInfo', { stream: 'a' }))).code).toBe('stream_not_found');
        expect(await readAll(engine)).toHaveLength(1);
      }));

    it('has one time, which never goes back', () =>
      onEngine(open, async (engine, test) => {
        const times: number[] = [];
        for (let i = 0; i < 5; i++) {
          test.setWallMs?.(1_800_000_000_000 - i * 60_000);
          times.push((await append(engine, 'a', ['x', 'x'])).timeUs);
        }
        const stored = (await readAll(engine)).map(({ timeUs }) => timeUs);
        expect(stored).toEqual(times.flatMap((time) => [time, time]));
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(times.every((time) => Number.isSafeInteger(time) && time > 1_600_000_000_000_000)).toBe(true);
      }));

    it('leaves the order in which one caller asked', () =>
      onEngine(open, async (engine) => {
        const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => append(engine, 'a', [`t${i}`])));
        expect(answers.map(({ position }) => position)).toEqual(answers.map((_, i) => i));
        expect((await readAll(engine, { stream: 'a' })).map(({ type }) => type)).toEqual(
          answers.map((_, i) => `t${i}`),
        );
      }));

    it('takes streams that differ in case, in sign or in form alone as different', () =>
      onEngine(open, async (engine) => {
        const names = [
          'a',
          'A',
          'a ',
          ' a',
          'a%',
          '%61',
          'é',
          'e\u0301',
          '-',
          '0',
          '00',
          'null',
          '__proto__',
          "'",
          '"',
          ';',
        ];
        for (const name of names) await append(engine, name, [name]);
        for (const name of names) {
          expect((await readAll(engine, { stream: name })).map(({ type, stream }) => [type, stream])).toEqual([
            [name, name],
          ]);
        }
      }));
  });
}
