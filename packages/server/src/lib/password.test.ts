import { describe, expect, it } from 'vitest';
import { hashPassword, isPasswordHash, verifyPassword } from './password.ts';

describe('password hashes', () => {
  it('verify the password they were made from, as text or as bytes, and no other', async () => {
    const hash = await hashPassword('pässword');
    expect(hash).toMatch(/^scrypt\$16384\$8\$5\$[\w-]{22}\$[\w-]{43}$/);
    expect(await verifyPassword('pässword', hash)).toBe(true);
    expect(await verifyPassword(new TextEncoder().encode('pässword'), hash)).toBe(true);
    expect(await verifyPassword('password', hash)).toBe(false);
    expect(await verifyPassword('', hash)).toBe(false);
  });

  it('differ for the same password', async () => {
    expect(await hashPassword('x')).not.toBe(await hashPassword('x'));
  });

  it('that are none, or would take too much memory, verify nothing', async () => {
    const hash = await hashPassword('x');
    const broken = ['', 'x', hash.replace('scrypt', 'bcrypt'), hash.replace('16384', '16385'), hash.slice(0, -40)];
    broken.push(hash.replace('16384', '4194304'), hash.replace('$8$', '$0$'), `${hash}$`);
    for (const text of broken) {
      expect(isPasswordHash(text), text).toBe(false);
      expect(await verifyPassword('x', text), text).toBe(false);
    }
  });
});
