import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlexusError } from '@plexus/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppendRequest } from '../store/append.ts';
import type { Query } from '../store/query.ts';
import type { Page, ReadRequest } from '../store/reads.ts';
import { isBroad, lookAhead } from './look-ahead.ts';
import { type OpenEngine, openEngine } from './testing/open-engine.ts';

/** So many items that a few hundred events are much to look through. */
const broad = (...more: Query): Query => [...Array.from({ length: 90 }, (_, i) => ({ types: [`none-${i}`] })), ...more];
const EVENTS = 1000;

let dir: string;
let open: OpenEngine;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-look-'));
  open = await openEngine(join(dir, 'store.db'));
  const events = Array.from({ length: EVENTS }, (_, n) => ({
    type: n === 400 ? 'rare' : 'common',
    tags: [`n${n % 7}`],
  }));
  await open.engine.append({ writes: [{ stream: 's', events }] });
});
afterEach(async () => {
  await open.close();
  rmSync(dir, { recursive: true, force: true });
});

const request = (query: Query, id: number, stream = 'decided'): AppendRequest => ({
  writes: [{ stream, events: [{ id: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`, type: 'decision' }] }],
  condition: { failIfEventsMatch: query, after: -1 },
});

describe('an append with a broad condition', () => {
  it('is one that many entries have to be looked at for', () => {
    expect(isBroad({ query: broad(), after: -1, lookedTo: -1 }, EVENTS)).toBe(true);
    expect(isBroad({ query: broad(), after: EVENTS - 10, lookedTo: -1 }, EVENTS)).toBe(false);
    expect(isBroad({ query: [{ types: ['x'] }], after: -1, lookedTo: -1 }, EVENTS)).toBe(false);
  });

  it('fails by the first match, as any other', async () => {
    const refused = await open.engine.append(request(broad({ types: ['rare'] }), 1)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'append_condition_failed', details: { position: 400, after: -1 } });
    expect(open.engine.lastPosition).toBe(EVENTS - 1);
  });

  it('is taken if nothing matches, and known again although it now matches itself', async () => {
    const query = broad({ types: ['decision'] });
    expect(await open.engine.append(request(query, 1))).toMatchObject({ position: EVENTS, duplicate: false });
    expect(await open.engine.append(request(query, 1))).toMatchObject({ position: EVENTS, duplicate: true });
    const other = await open.engine.append(request(query, 2)).catch((error: unknown) => error);
    expect(other).toMatchObject({ code: 'append_condition_failed', details: { position: EVENTS } });
  });

  it('wins against others of its kind only once, whatever comes between looking and writing', async () => {
    for (let round = 0; round < 10; round++) {
      const query = broad({ types: [`decision`], tags: [`round-${round}`] });
      const answers = await Promise.allSettled(
        Array.from({ length: 16 }, (_, i) =>
          open.engine.append({
            writes: [{ stream: `s${i}`, events: [{ type: 'decision', tags: [`round-${round}`] }] }],
            condition: { failIfEventsMatch: query, after: -1 },
          }),
        ),
      );
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it('is refused or taken, and not forgotten, when the engine closes meanwhile', async () => {
    const answer = open.engine.append(request(broad(), 1));
    const closed = open.engine.close();
    expect(await answer).toMatchObject({ position: EVENTS });
    await closed;
  });

  it('is not affected by what its caller does with the request', async () => {
    const { writes, condition } = request(broad(), 1);
    const write = { ...writes[0]! };
    const answer = open.engine.append({ writes: [write], condition: condition! });
    write.stream = 'elsewhere';
    await answer;
    expect(await open.engine.read('streamInfo', { stream: 'decided' })).toMatchObject({ version: 0 });
  });
});

describe('looking ahead', () => {
  const pages = (...all: Partial<Page>[]) => {
    const asked: (number | null)[] = [];
    const read = (one: ReadRequest): Promise<Page> => {
      asked.push(one.from);
      return Promise.resolve({ bytes: new Uint8Array(), count: 0, next: null, lastPosition: 99, ...all.shift() });
    };
    return { asked, read };
  };

  it('goes on from page to page, to the end as of the last one', async () => {
    const { asked, read } = pages({ next: 40 }, { next: 70 }, { lastPosition: 120 });
    expect(await lookAhead({ query: [{}], after: 9, lookedTo: 9 }, read)).toBe(120);
    expect(asked).toEqual([10, 40, 70]);
  });

  it('never says less than was asked for', async () => {
    const { read } = pages({ lastPosition: 3 });
    expect(await lookAhead({ query: [{}], after: 9, lookedTo: 9 }, read)).toBe(9);
  });

  it('fails as its reads do', async () => {
    const read = (): Promise<Page> => Promise.reject(new PlexusError('shutting_down'));
    await expect(lookAhead({ query: [{}], after: 9, lookedTo: 9 }, read)).rejects.toMatchObject({
      code: 'shutting_down',
    });
  });
});
