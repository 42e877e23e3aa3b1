import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anySeed, randomFrom } from './random.ts';
import { inDirectory, type ShownEvent, StoreProcess } from './store-process.ts';
import { usedBytes } from './used-bytes.ts';

const EVENTS = 1500;
/** https://www.sqlite.org/fileformat2.html#user_version_number */
const USER_VERSION_AT = 60;

const parent = mkdtempSync(join(tmpdir(), 'plexus-damage-'));
/** Data directories of a node that stopped, and of one that was killed, with the same number of events. */
const stopped = join(parent, 'stopped');
const killed = join(parent, 'killed');
let events: { stopped: ShownEvent[]; killed: ShownEvent[] };

beforeAll(async () => {
  events = { stopped: await filled(stopped, 'stop'), killed: await filled(killed, 'kill') };
}, 60_000);
afterAll(() => rmSync(parent, { recursive: true, force: true }));

async function filled(dataDir: string, end: 'stop' | 'kill'): Promise<ShownEvent[]> {
  await using node = await StoreProcess.start({ dataDir });
  for (let at = 0; at < EVENTS; at += 50) {
    const batch = Array.from({ length: 50 }, (_, i) => ({
      type: `t${i % 3}`,
      data: { n: at + i, pad: 'x'.repeat(50) },
      tags: [`g${i % 7}`],
    }));
    const { status } = await node.append(`s${at % 40}`, { events: batch });
    expect(status).toBe(201);
  }
  const all = await node.events();
  expect(all).toHaveLength(EVENTS);
  await node[end]();
  return all;
}

/** The one file of the store. */
function storeFile(dataDir: string): string {
  const files = readdirSync(join(dataDir, 'stores'), { recursive: true, encoding: 'utf8' });
  const [file, ...more] = files.filter((path) => path.endsWith('.db'));
  if (file === undefined || more.length > 0) throw new Error(`the files of the store are ${files}`);
  return join(dataDir, 'stores', file);
}

/** Runs `body` with a copy of a data directory. */
const withCopy = <T>(of: string, body: (dataDir: string) => Promise<T>): Promise<T> =>
  inDirectory((directory) => {
    const dataDir = join(directory, 'data');
    cpSync(of, dataDir, { recursive: true });
    return body(dataDir);
  });

function flip(path: string, at: number, bit: number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0]! ^= 1 << bit;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

/** A start that must fail, and say what is wrong with which file and what to do. */
async function refusedAsDamaged(dataDir: string): Promise<string> {
  const { code, said } = await StoreProcess.refusal({ dataDir });
  expect(code, said).toBe(1);
  expect(said).toContain(storeFile(dataDir));
  expect(said).toMatch(/damaged.*put a backup in its place, or move it away together with/s);
  return said;
}

/** Starts on it: either that is refused, or whatever is read is right or refused. */
async function neverWrong(dataDir: string, expected: readonly ShownEvent[], what: string): Promise<void> {
  let node: StoreProcess;
  try {
    node = await StoreProcess.start({ dataDir });
  } catch (error) {
    expect((error as Error).message, what).toMatch(/\(1\).*damaged/s);
    return;
  }
  await using started = node;
  // A stream of lines can only break off: what came before must be right.
  const all = await started.events().catch((error: Error) => {
    expect(error.message, what).toMatch(/store_damaged|terminated/);
    return null;
  });
  if (all !== null) expect(all, what).toEqual(expected);
  for (const stream of ['s0', 's10', 's20', 's30']) {
    const { status, body } = await started.ask('GET', `/streams/${stream}/events?limit=1000`);
    if (status === 200) {
      const shown = (body as unknown as { events: ShownEvent[] }).events;
      expect(shown, what).toEqual(expected.filter((event) => event.stream === stream));
    } else expect(body.error?.code, what).toBe('store_damaged');
  }
}

describe('a store’s file at start', () => {
  it('that is whole is opened, after a stop and after a kill', async () => {
    for (const [of, expected] of [
      [stopped, events.stopped],
      [killed, events.killed],
    ] as const) {
      await withCopy(of, async (dataDir) => {
        await using node = await StoreProcess.start({ dataDir });
        expect(await node.events()).toEqual(expected);
      });
    }
  });

  it.each([0, 0.1, 0.5, 0.9, 0.999])('that was cut to %f of its length is refused', (part) =>
    withCopy(stopped, async (dataDir) => {
      const file = storeFile(dataDir);
      truncateSync(file, Math.floor(statSync(file).size * part));
      await refusedAsDamaged(dataDir);
    }),
  );

  it('that is something else is refused, and left as it is', () =>
    withCopy(stopped, async (dataDir) => {
      const file = storeFile(dataDir);
      writeFileSync(file, 'Dear diary,\n'.repeat(5000));
      await refusedAsDamaged(dataDir);
      expect(readFileSync(file, 'utf8')).toMatch(/^(Dear diary,\n){5000}$/);
    }));

  it('whose write-ahead log was cut or taken away is refused: acknowledged events would be missing', async () => {
    expect(usedBytes(`${storeFile(killed)}-wal`)).toBeGreaterThan(10_000);
    for (const part of [0, 0.3]) {
      await withCopy(killed, async (dataDir) => {
        const wal = `${storeFile(dataDir)}-wal`;
        truncateSync(wal, Math.floor(usedBytes(wal) * part));
        await refusedAsDamaged(dataDir);
      });
    }
    await withCopy(killed, async (dataDir) => {
      rmSync(`${storeFile(dataDir)}-wal`);
      await refusedAsDamaged(dataDir);
    });
  });

  it('whose write-ahead log lost its end is refused, or has every acknowledged event all the same', async () => {
    // The end may be index work that comes after the answers.
    for (const part of [0.8, 0.99]) {
      await withCopy(killed, async (dataDir) => {
        const wal = `${storeFile(dataDir)}-wal`;
        truncateSync(wal, Math.floor(usedBytes(wal) * part));
        await neverWrong(dataDir, events.killed, `cut to ${part}`);
      });
    }
  });

  it('of a newer version is refused, with what to do', () =>
    withCopy(stopped, async (dataDir) => {
      const file = storeFile(dataDir);
      const fd = openSync(file, 'r+');
      writeSync(fd, Buffer.from([0, 0, 3, 231]), 0, 4, USER_VERSION_AT);
      closeSync(fd);
      const { code, said } = await StoreProcess.refusal({ dataDir });
      expect(code).toBe(1);
      expect(said).toContain(file);
      expect(said).toMatch(/newer version of Plexus \(schema 999.*run that one/);
    }));

  it('that another node has open is refused, and does no harm to that one', () =>
    withCopy(stopped, async (dataDir) => {
      await using node = await StoreProcess.start({ dataDir });
      await inDirectory(async (other) => {
        symlinkSync(join(dataDir, 'stores'), join(other, 'stores'));
        const { code, said } = await StoreProcess.refusal({ dataDir: other });
        expect(code, said).toBe(1);
        expect(said).toContain(`in use by process ${node.pid}`);
      });
      expect((await node.append('s0', { events: [{ type: 'after' }] })).body).toMatchObject({ position: EVENTS });
      expect(await node.events()).toHaveLength(EVENTS + 1);
    }));
});

describe('a flipped bit', () => {
  it.each(['.db', '.db-wal'])(
    'in the %s gives no wrong data',
    async (suffix) => {
      const seed = anySeed();
      const random = randomFrom(seed);
      const [of, expected] = suffix === '.db' ? [stopped, events.stopped] : [killed, events.killed];
      for (let i = 0; i < 4; i++) {
        await withCopy(of, async (dataDir) => {
          const path = storeFile(dataDir).replace(/\.db$/, suffix);
          expect(existsSync(path)).toBe(true);
          const [at, bit] = [random(statSync(path).size), random(8)];
          flip(path, at, bit);
          await neverWrong(dataDir, expected, `FC_SEED=${seed}: bit ${bit} of byte ${at}`);
        });
      }
    },
    120_000,
  );
});
