import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import { seeded } from '../../testing/seed.ts';
import { RealmAuthority } from './realm-authority.ts';
import { MAX_TOKEN_BYTES, SignedToken } from './realm-token.ts';
import { privateKeyOf, publicKeyOf, REVOCATIONS_DOMAIN, signText, TOKEN_DOMAIN } from './signed-bytes.ts';
import { DAY_MS, RealmNode, TestRealm } from './testing/test-realm.ts';

const clock = new FakeClock();
const realm = new TestRealm(clock);
const rights = { subscribe: ['a/#', 'b/+'], publish: ['c/+/d'] };
const { token } = realm.issue('node', { ...rights, cluster: 'north' });
const publicKey = publicKeyOf(realm.authority.authorityKey);

describe('a token', () => {
  it('says the same after its way over a link', () => {
    const arrived = SignedToken.parse(token.bytes)!;
    expect(arrived.isSignedBy(publicKey)).toBe(true);
    expect(arrived).toEqual(token);
    expect(arrived).toMatchObject({ realm: 'plant', peerId: 'node', issue: 1, rights, cluster: 'north' });
    expect(arrived.issuedAtMs).toBe(clock.wallMs());
    expect(arrived.notAfterMs).toBe(clock.wallMs() + 8 * DAY_MS);
  });

  it('is the same bytes for the same claims', () => {
    const again = RealmAuthority.parse(new TestRealm(clock).authority.document())!;
    const request = { peerId: 'node', rights, lifeMs: 100 * DAY_MS, cluster: 'north' };
    expect(again.issue(request, clock.wallMs()).token.bytes).toEqual(token.bytes);
  });

  it('is worth nothing once any of its bits has changed', () => {
    const node = new RealmNode('other', clock, [realm]);
    expect(node.realms.check(token.bytes, 'node')).toBeInstanceOf(SignedToken);
    const bits = token.bytes.length * 8;
    for (let bit = 0; bit < bits; bit++) {
      const changed = Uint8Array.from(token.bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(['malformed', 'forged', 'foreign_realm'], `bit ${bit}`).toContain(node.realms.check(changed, 'node'));
    }
  });

  it('is no token for any other bytes, and nothing throws', () => {
    const node = new RealmNode('other', clock, [realm]);
    const edited = fc
      .tuple(fc.nat(token.bytes.length), fc.nat(40), fc.uint8Array({ maxLength: 40 }))
      .map(([start, removed, added]) =>
        Buffer.concat([token.bytes.subarray(0, start), added, token.bytes.subarray(start + removed)]),
      )
      .filter((bytes) => !bytes.equals(token.bytes));
    fc.assert(
      fc.property(fc.oneof(edited, fc.uint8Array({ maxLength: 5000 })), (bytes) => {
        expect(['malformed', 'forged', 'foreign_realm']).toContain(node.realms.check(bytes, 'node'));
      }),
      seeded(1000),
    );
    for (const bytes of [new Uint8Array(0), new Uint8Array(64), new Uint8Array(65), new Uint8Array(1 << 20)]) {
      expect(node.realms.check(bytes, 'node')).toBe('malformed');
    }
    expect(node.realms.check(Buffer.from('['.repeat(4000)), 'node')).toBe('malformed');
  });

  const claims = JSON.parse(Buffer.from(token.bytes.subarray(0, -64)).toString()) as Record<string, unknown>;
  const keySeed = Buffer.from((JSON.parse(realm.authority.document()) as { keySeed: string }).keySeed, 'base64url');
  const signed = (text: string, domain = TOKEN_DOMAIN) => signText(domain, text, privateKeyOf(keySeed));

  it.each([
    ['a realm that is no name', { realm: '../x' }],
    ['a key that is none', { authorityKey: 'x' }],
    ['no peer', { peerId: '' }],
    ['a fraction', { issue: 1.5 }],
    ['an end before its beginning', { notAfterMs: 0 }],
    ['an end after its secrets', { notAfterMs: token.notAfterMs + 1 }],
    ['a time that no date has', { issuedAtMs: 9e15, notAfterMs: 9.001e15 }],
    ['a filter that is none', { subscribe: ['a#'] }],
    ['a filter for topics that stay', { publish: ['$SYS/#'] }],
    ['a filter that is a number', { publish: [1] }],
    ['too many filters', { publish: Array.from({ length: 65 }, (_, i) => `${i}`) }],
    ['no list of filters', { publish: 'a' }],
    ['an overlap as long as an epoch', { overlap: claims.epochLength }],
    ['something unknown', { more: 1 }],
  ])('is malformed with %s, even if the authority has signed it', (_, change) => {
    expect(SignedToken.parse(signed(JSON.stringify(claims)))!.isSignedBy(publicKey)).toBe(true);
    expect(SignedToken.parse(signed(JSON.stringify({ ...claims, ...change })))).toBeNull();
  });

  it('can be written in one way only, and signed for one purpose only', () => {
    expect(SignedToken.parse(signed(JSON.stringify(claims, null, 1)))).toBeNull();
    expect(SignedToken.parse(signed(`${JSON.stringify(claims)} `))).toBeNull();
    const elsewhere = SignedToken.parse(signed(JSON.stringify(claims), REVOCATIONS_DOMAIN))!;
    expect(elsewhere.isSignedBy(publicKey)).toBe(false);
  });

  it('is not made if it would be too long', () => {
    const long = Array.from({ length: 64 }, (_, i) => `${i}/${'x'.repeat(60)}`);
    const before = realm.authority.lastIssue;
    expect(() => realm.issue('node', { publish: long })).toThrow(`at most ${MAX_TOKEN_BYTES} bytes`);
    expect(() => realm.issue('', {})).toThrow('no token can say that');
    expect(realm.authority.lastIssue).toBe(before);
  });
});

describe('the rights of a token', () => {
  it.each([
    ['a', true],
    ['a/x/+', true],
    ['$share/g/a/x', true],
    ['b/x', true],
    ['b/#', false],
    ['#', false],
    ['$share/g/#', false],
    ['c', false],
  ])('to subscribe to %s: %s', (filter, expected) => {
    expect(token.maySubscribe(filter)).toBe(expected);
  });

  it.each([
    ['c/x/d', true],
    ['c/d', false],
    ['a', false],
  ])('to publish on %s: %s', (topic, expected) => {
    expect(token.mayPublish(topic)).toBe(expected);
  });

  it.each([
    ['c/#', true],
    ['+/+/d', true],
    ['$share/g/c/x/+', true],
    ['c/x', false],
    ['a/#', false],
  ])('to publish what %s matches: %s', (filter, expected) => {
    expect(token.couldPublish(filter)).toBe(expected);
  });

  it('never reach topics that begin with $', () => {
    const open = realm.issue('open').token;
    expect([open.mayPublish('x'), open.maySubscribe('#'), open.couldPublish('x/#')]).toEqual([true, true, true]);
    expect([open.mayPublish('$SYS/x'), open.maySubscribe('$SYS/#'), open.couldPublish('$SYS/#')]).toEqual([
      false,
      false,
      false,
    ]);
  });
});
