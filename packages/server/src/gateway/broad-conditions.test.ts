import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppendRequest } from '../store/append.ts';
import type { Query } from '../store/query.ts';
import { type OpenEngine, openEngine } from './testing/open-engine.ts';

const EVENTS = 40_000;
/** Half of the events have the one, half the other, and none has both. */
const BROAD = { tags: ['even', 'odd'] };

let dir: string;
let open: OpenEngine;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-broad-'));
  open = await openEngine(join(dir, 'store.db'));
  for (let n = 0; n < EVENTS; n += 1000) {
    const events = Array.from({ length: 1000 }, (_, i) => ({ type: 't', tags: [i % 2 === 0 ? 'even' : 'odd'] }));
    await open.engine.append({ writes: [{ stream: 's', events }] });
  }
});
afterAll(async () => {
  await open.close();
  rmSync(dir, { recursive: true, force: true });
});

let nextId = 0;
const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const decide = (query: Query, stream: string, tags: string[] = [], id = nextId++): AppendRequest => ({
  writes: [{ stream, events: [{ id: uuid(id), type: 'decision', tags }] }],
  condition: { failIfEventsMatch: query, after: -1 },
});

describe('an append whose condition takes long to look for', () => {
  it('is taken if nothing matches, and known again though it now matches itself', async () => {
    const query = [BROAD, { types: ['decision'], tags: ['first'] }];
    const request = decide(query, 'first', ['first']);
    const { position } = await open.engine.append(request);
    expect(await open.engine.append(request)).toMatchObject({ position, duplicate: true });
    const refused = await open.engine.append(decide(query, 'first')).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'append_condition_failed', details: { position, after: -1 } });
  });

  it('wins once, when sixteen race', async () => {
    for (let round = 0; round < 5; round++) {
      const tag = `round-${round}`;
      const racers = Array.from({ length: 16 }, (_, i) =>
        open.engine.append(decide([BROAD, { tags: [tag] }], `r${i}`, [tag])),
      );
      const results = await Promise.allSettled(racers);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'append_condition_failed' });
      }
    }
  });

  it('lets others be written meanwhile', async () => {
    const order: string[] = [];
    const broad = open.engine.append(decide([BROAD, { tags: ['never'] }], 'broad')).then(() => order.push('broad'));
    const plain = async (): Promise<void> => {
      for (let n = 0; n < 3; n++) {
        await open.engine.append({ writes: [{ stream: 'plain', events: [{ type: 'x' }] }] });
        order.push('plain');
      }
    };
    await Promise.all([broad, plain()]);
    expect(order.slice(0, 2)).toEqual(['plain', 'plain']);
    expect(order).toContain('broad');
  });

  it('is finished when the engine closes', async () => {
    const answer = open.engine.append(decide([BROAD, { tags: ['at the end'] }], 'end'));
    const closed = open.engine.close();
    expect(await answer).toMatchObject({ duplicate: false });
    await closed;
  });
});
