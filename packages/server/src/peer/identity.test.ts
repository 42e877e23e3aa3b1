import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadIdentity, newIdentity } from './identity.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plexus-identity-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const file = (): string => join(dir, 'identity.key');

describe('the identity of a node', () => {
  it('is made once, and only its owner can read it', () => {
    const first = loadIdentity(dir);
    expect(first.peerId).toMatch(/^12D3KooW/);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir)).toEqual(['identity.key']);
    const second = loadIdentity(dir);
    expect(second.peerId).toBe(first.peerId);
    expect(second.privateKey.equals(first.privateKey)).toBe(true);
    expect(newIdentity().peerId).not.toBe(first.peerId);
  });

  it('is closed to others again where somebody has opened it', () => {
    loadIdentity(dir);
    chmodSync(file(), 0o644);
    loadIdentity(dir);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['nothing', () => ''],
    ['something else', () => 'not a key\n'],
    ['half a key', (text: string) => text.slice(0, 40)],
    ['a key with a bit changed', (text: string) => flip(text, 20)],
    ['a key with a bit of its public half changed', (text: string) => flip(text, 60)],
  ])('is refused, with what to do, if the file holds %s', (_, damage) => {
    loadIdentity(dir);
    writeFileSync(file(), damage(readFileSync(file(), 'utf8')));
    expect(() => loadIdentity(dir)).toThrow(
      expect.objectContaining({ code: 'data_dir_unusable', message: expect.stringMatching(/damaged; put a backup/) }),
    );
  });

  it('is refused if the directory cannot be used', () => {
    expect(() => loadIdentity(join(dir, 'not', 'there'))).toThrow(
      expect.objectContaining({ code: 'data_dir_unusable' }),
    );
  });
});

function flip(text: string, at: number): string {
  const bytes = Buffer.from(text, 'base64');
  bytes[at]! ^= 1;
  return bytes.toString('base64');
}
