import { expect, it } from 'vitest';
import { testAdmin } from '../testing/test-admin.ts';
import { TestStore, testStores } from '../testing/test-store.ts';

it('a verification ends with shutting_down when the node drains', async () => {
  const store = new TestStore();
  const read = store.read.bind(store);
  let slices = 0;
  store.read = (async (operation: 'verify', request: { from: number }) => {
    if (++slices === 3) void admin.drain();
    return { ...(await read(operation, request)), next: slices === 100 ? null : request.from + 1 };
  }) as typeof store.read;
  const admin = await testAdmin(testStores(store));
  const answer = await admin.inject({ method: 'POST', url: '/api/v1/stores/default/verify' });
  expect([answer.statusCode, answer.json().error.code, slices]).toEqual([503, 'shutting_down', 3]);
  await admin.stop();
  await store.stop();
});
