import { expect, it } from 'vitest';
import { systemResolver } from './resolver.ts';

it('names of this machine are resolved without a name server', async () => {
  const found = await systemResolver.addresses('localhost');
  expect(found.length).toBeGreaterThan(0);
  expect(['127.0.0.1', '::1']).toEqual(expect.arrayContaining(found));
});

it('what cannot be resolved has no addresses and no services', async () => {
  expect(await systemResolver.addresses('not a name')).toEqual([]);
  expect(await systemResolver.services('not a name')).toEqual([]);
});
