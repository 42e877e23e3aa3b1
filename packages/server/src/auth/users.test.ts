import { beforeAll, describe, expect, it } from 'vitest';
import { hashPassword } from '../lib/password.ts';
import { type User, Users } from './users.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let ada: User;

beforeAll(async () => {
  ada = { name: 'ada', passwordHash: await hashPassword('engine'), realm: 'plant-1' };
});

describe('users', () => {
  it('gives a user with the right password its realm, the first time and again', async () => {
    const users = new Users([ada], false);
    for (let round = 0; round < 3; round++) {
      expect(await users.authenticate('ada', bytes('engine'))).toEqual({ realm: 'plant-1', username: 'ada' });
    }
  });

  it('refuses wrong passwords, unknown names and missing passwords alike, also after a right one', async () => {
    const users = new Users([ada], false);
    await users.authenticate('ada', bytes('engine'));
    expect(await users.authenticate('ada', bytes('Engine'))).toBe('bad_credentials');
    expect(await users.authenticate('ada', null)).toBe('bad_credentials');
    expect(await users.authenticate('eva', bytes('engine'))).toBe('bad_credentials');
  });

  it('checks credentials that come many times at once only once', async () => {
    const users = new Users([ada], false);
    const started = performance.now();
    await users.authenticate('ada', bytes('wrong'));
    const oneMs = performance.now() - started;
    const results = await Promise.all(Array.from({ length: 200 }, () => users.authenticate('ada', bytes('engine'))));
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    // Two hundred hashes would take a hundred times as long as two.
    expect(performance.now() - started).toBeLessThan(oneMs * 50 + 1000);
  });

  it('takes anonymous clients to the default realm where they are allowed, and only there', () => {
    expect(new Users([], true).authenticate(null, null)).toEqual({ realm: 'default', username: null });
    expect(new Users([], true).authenticate('anyone', bytes('x'))).toEqual({ realm: 'default', username: 'anyone' });
    expect(new Users([], false).authenticate(null, null)).toBe('not_authorized');
    expect(new Users([ada], false).authenticate(null, null)).toBe('not_authorized');
  });
});
