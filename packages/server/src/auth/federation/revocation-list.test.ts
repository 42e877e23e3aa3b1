import { expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { RevocationList } from './revocation-list.ts';
import { privateKeyOf, publicKeyOf, REVOCATIONS_DOMAIN, signText, TOKEN_DOMAIN } from './signed-bytes.ts';
import { DAY_MS, TestRealm } from './testing/test-realm.ts';

const clock = new FakeClock();
const realm = new TestRealm(clock);
for (const peerId of ['one', 'two', 'three']) realm.issue(peerId);
realm.revoke({ issue: 3 });
const list = realm.revoke({ peerId: 'one' });
const publicKey = publicKeyOf(realm.authority.authorityKey);
const keySeed = Buffer.from((JSON.parse(realm.authority.document()) as { keySeed: string }).keySeed, 'base64url');
const signed = (text: string, domain = REVOCATIONS_DOMAIN) => signText(domain, text, privateKeyOf(keySeed));
const claims = JSON.parse(Buffer.from(list.bytes.subarray(0, -64)).toString()) as Record<string, unknown>;

it('a list says the same after its way over a link', () => {
  const arrived = RevocationList.parse(list.bytes)!;
  expect(arrived).toEqual(list);
  expect(arrived.isSignedBy(publicKey)).toBe(true);
  expect(arrived).toMatchObject({ number: 2, issues: [3], peers: [{ peerId: 'one', upToIssue: 3 }] });
  expect(arrived.notAfterMs - arrived.issuedAtMs).toBe(30 * DAY_MS);
  expect([arrived.isStale(arrived.notAfterMs - 1), arrived.isStale(arrived.notAfterMs)]).toEqual([false, true]);
});

it.each([
  ['two', 2, false],
  ['two', 3, true],
  ['one', 3, true],
  ['one', 4, false],
  ['three', 0, false],
])('of %s, issue %i: %s', (peerId, issue, expected) => {
  expect(list.revokes({ peerId, issue })).toBe(expected);
});

it.each([
  ['a realm that is no name', { realm: '' }],
  ['a key that is none', { authorityKey: 'x' }],
  ['a number that is none', { number: -1 }],
  ['an end before its beginning', { notAfterMs: 0 }],
  ['issues that are no list', { issues: {} }],
  ['an issue that is no number', { issues: ['3'] }],
  ['peers that are no list', { peers: 'one' }],
  ['a peer without an issue', { peers: [['one']] }],
  ['a peer with too much', { peers: [['one', 3, 4]] }],
  ['a peer that is no table of ours', { peers: [{ peerId: 'one', upToIssue: 3 }] }],
  ['something unknown', { more: 1 }],
])('a list with %s is malformed, even if the authority has signed it', (_, change) => {
  expect(RevocationList.parse(signed(JSON.stringify(claims)))!.isSignedBy(publicKey)).toBe(true);
  expect(RevocationList.parse(signed(JSON.stringify({ ...claims, ...change })))).toBeNull();
});

it('a list can be written in one way only, and signed for one purpose only', () => {
  expect(RevocationList.parse(signed(JSON.stringify(claims, null, 1)))).toBeNull();
  const elsewhere = RevocationList.parse(signed(JSON.stringify(claims), TOKEN_DOMAIN))!;
  expect(elsewhere.isSignedBy(publicKey)).toBe(false);
});
