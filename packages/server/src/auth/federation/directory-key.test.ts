import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { directoryKey } from './directory-key.ts';

const SECRET = new Uint8Array(32).fill(5);
const KEY = { kind: 'subscriber', realm: 'plant', path: '/a/b' };

it('is an HMAC of the key, domain first', () => {
  const expected = createHmac('sha256', SECRET).update('plexus mesh key 1\0subscriber\0plant\0/a/b').digest('hex');
  expect(Buffer.from(directoryKey(SECRET, KEY)).toString('hex')).toBe(expected);
  expect(directoryKey(SECRET, KEY)).toHaveLength(32);
});

it('differs with every part of the key, and with the secret', () => {
  const keys = [
    KEY,
    { ...KEY, kind: 'publisher' },
    { ...KEY, realm: 'plan' },
    { ...KEY, path: '' },
    { ...KEY, path: '/a' },
  ];
  const secrets = [SECRET, new Uint8Array(32)];
  const all = secrets.flatMap((secret) => keys.map((key) => Buffer.from(directoryKey(secret, key)).toString('hex')));
  expect(new Set(all).size).toBe(10);
});
