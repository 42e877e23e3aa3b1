import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nameProblem } from '../lib/names.ts';
import { seeded } from '../testing/seed.ts';
import { fileNameOf, makeDirectoryOf, storeFile } from './store-file.ts';

it('plain names are file names as they are', () => {
  expect(storeFile('/data', 'default', 'orders-2_b')).toBe('/data/stores/default/orders-2_b.db');
});

it('no name leads out of its directory, hides, or is taken for another', () => {
  expect(['..', '.', 'a/b', 'a\\b', 'A', 'a%', 'é'].map(fileNameOf)).toEqual([
    '%2E%2E',
    '%2E',
    'a%2Fb',
    'a%5Cb',
    '%41',
    'a%25',
    '%C3%A9',
  ]);
});

it('every valid name fits, and no two share a file where case does not count', () => {
  const name = fc
    .oneof(
      fc.string({ maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.string({ minLength: 190, maxLength: 200 }),
    )
    .filter((text) => nameProblem(text) === null);
  fc.assert(
    fc.property(name, name, (one, other) => {
      const [first, second] = [fileNameOf(one), fileNameOf(other)];
      expect(first).toMatch(/^[a-z0-9_%A-F~-]+$/);
      expect(Buffer.byteLength(first)).toBeLessThanOrEqual(200);
      expect(first.toLowerCase() === second.toLowerCase()).toBe(one === other);
    }),
    seeded(500),
  );
  const long = 'Ä'.repeat(100);
  expect(fileNameOf(long)).not.toBe(fileNameOf(`${long.slice(0, -1)}ä`));
});

it('directories are made as they are needed', () => {
  const dir = mkdtempSync(join(tmpdir(), 'plexus-store-file-'));
  try {
    const file = storeFile(dir, 'Plant', 'orders');
    for (let i = 0; i < 2; i++) makeDirectoryOf(file);
    writeFileSync(file, '');
    expect(existsSync(join(dir, 'stores', '%50lant', 'orders.db'))).toBe(true);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it('a file in the place of a directory makes the store unavailable', () => {
  const dir = mkdtempSync(join(tmpdir(), 'plexus-store-file-'));
  try {
    writeFileSync(join(dir, 'stores'), '');
    expect(() => makeDirectoryOf(storeFile(dir, 'default', 'a'))).toThrow(
      expect.objectContaining({ code: 'store_unavailable' }),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
