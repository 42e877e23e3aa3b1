import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../testing/seed.ts';
import { MIN_SECRET_BITS, NEW_SECRET_BYTES, newSecret, parseSecrets, secretBits, secretsProblem } from './secret.ts';

const bytesOf = (seed: number) => createHash('sha256').update(String(seed)).digest();
const STRONG = newSecret(bytesOf(1));

describe('the entropy of a secret', () => {
  it('is that of its bytes where they are random, as hexadecimal', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const bytes = bytesOf(seed);
        expect(secretBits(bytes.toString('hex'))).toBe(256);
        expect(secretBits(bytes.toString('hex').toUpperCase())).toBe(256);
        expect(secretBits(bytes.subarray(0, 16).toString('hex'))).toBe(MIN_SECRET_BITS);
        expect(secretBits(bytes.subarray(0, 15).toString('hex'))).toBeLessThan(MIN_SECRET_BITS);
      }),
      seeded(100),
    );
  });

  it('is that of its bytes where they are random, as base64, but for a few that look like words', () => {
    const bits = Array.from({ length: 2000 }, (_, seed) => secretBits(bytesOf(seed).toString('base64url')));
    expect(bits.filter((each) => each < 256).length).toBeLessThan(10);
    expect(secretBits(bytesOf(1).toString('base64'))).toBe(43 * 6);
  });

  it.each([
    '',
    'hunter2',
    'correct horse battery staple',
    'correcthorsebatterystaple',
    'CorrectHorseBatteryStapleOfLuck',
    'My1stClusterSecretForProduction',
    '1234567890123456789012345678901234567890',
    'a'.repeat(1000),
    'abcdef0123'.repeat(20),
    'deadbeef'.repeat(8),
  ])('does not count what somebody has thought up as random: %s', (text) => {
    expect(secretBits(text)).toBeLessThan(MIN_SECRET_BITS);
  });

  it('counts a long text a little', () => {
    const text =
      'seven brown otters will hardly ever agree about jazz, nor zinc, but quite often on the price of a mild yoghurt';
    expect(secretBits(text)).toBeGreaterThan(MIN_SECRET_BITS);
    expect(secretBits(text)).toBeLessThan(text.length * 2);
  });
});

describe('secrets', () => {
  it('stand one per line', () => {
    expect(parseSecrets('one\r\n\n  two \n')).toEqual(['one', 'two']);
    expect(parseSecrets('\n')).toEqual([]);
  });

  it('are one or two', () => {
    expect(secretsProblem([], false)).toContain('plexus cluster secret');
    expect(secretsProblem([STRONG, newSecret(bytesOf(2))], true)).toBeNull();
    expect(secretsProblem([STRONG, STRONG, STRONG], true)).toContain('at most 2');
    expect(secretsProblem(['x'.repeat(1025)], false)).toContain('1024');
  });

  it('may be anything on loopback, but beyond it each has to be strong', () => {
    expect(secretsProblem(['x'], false)).toBeNull();
    expect(secretsProblem(['x'], true)).toContain('128 bits');
    expect(secretsProblem([STRONG, 'hunter2'], true)).toMatch(/128 bits/);
    expect(secretsProblem([STRONG, 'hunter2'], true)).not.toContain('hunter2');
  });

  it('are made of 32 bytes, and so that they are accepted', () => {
    const bytes = bytesOf(7);
    expect(bytes).toHaveLength(NEW_SECRET_BYTES);
    expect(newSecret(bytes)).toBe(bytes.toString('base64url'));
    const likeWords = Buffer.from('SomethingthatSomebodyelsehasThoughtupsolong', 'base64url');
    expect(newSecret(likeWords)).toBe(likeWords.toString('hex'));
    expect(secretsProblem([newSecret(likeWords)], true)).toBeNull();
  });
});
