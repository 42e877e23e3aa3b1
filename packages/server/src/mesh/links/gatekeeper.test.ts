import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../lib/fake-clock.ts';
import type { PeerFacts, ProofContext } from '../../peer/link-ports.ts';
import { FakeAuthority, FakeRealms } from '../../testing/fake-realms.ts';
import { MAX_PROOFS, MAX_TAGS, MeshGatekeeper, TAG_BYTES } from './gatekeeper.ts';

const clock = new FakeClock();
const authority = (realm: string, key?: string) => new FakeAuthority(realm, clock, key);

function keeper(peerId: string, ...authorities: FakeAuthority[]) {
  const realms = new FakeRealms(clock);
  for (const each of authorities) realms.hold(each, each.issue(peerId));
  return { peerId, realms, gate: new MeshGatekeeper(peerId, realms) };
}
type Keeper = ReturnType<typeof keeper>;

const facts = ({ peerId, gate }: Keeper, greeting = gate.greeting()): PeerFacts => ({
  peerId,
  incarnation: 1,
  version: 2,
  features: 0,
  addresses: [],
  greeting,
});

const context = (initiator: Keeper, responder: Keeper, role: ProofContext['role'] = 'initiator'): ProofContext => ({
  role,
  initiatorNonce: new Uint8Array(32).fill(1),
  responderNonce: new Uint8Array(32).fill(2),
  initiatorPeerId: initiator.peerId,
  responderPeerId: responder.peerId,
  version: 2,
});

/** As far as the initiator's proof. */
function proofTo(a: Keeper, b: Keeper): Uint8Array {
  expect(b.gate.welcomes(facts(a))).toBeNull();
  expect(a.gate.welcomes(facts(b))).toBeNull();
  return a.gate.prove(context(a, b));
}

describe('a greeting', () => {
  it('names no realm, and is another for each node', () => {
    const [a, b] = [keeper('a', authority('secret-name')), keeper('b', authority('secret-name'))];
    expect(Buffer.from(a.gate.greeting()).includes('secret-name')).toBe(false);
    expect(a.gate.greeting()).toHaveLength(TAG_BYTES);
    expect(a.gate.greeting()).not.toEqual(b.gate.greeting());
  });

  it('is of no use to another node', () => {
    const [a, b, thief] = [keeper('a', authority('r')), keeper('b', authority('r')), keeper('t', authority('x'))];
    expect(b.gate.welcomes(facts(thief, a.gate.greeting()))).toBe('no_common_realm');
  });

  it('of nodes without a realm in common, or with one of the same name only, is not welcome', () => {
    const ours = keeper('a', authority('r'), authority('s'));
    expect(ours.gate.welcomes(facts(keeper('b', authority('t'))))).toBe('no_common_realm');
    expect(ours.gate.welcomes(facts(keeper('b', authority('r', 'another authority'))))).toBe('no_common_realm');
    expect(ours.gate.welcomes(facts(keeper('b')))).toBe('no_common_realm');
    expect(ours.gate.welcomes(facts(keeper('b', authority('t'), authority('s'))))).toBeNull();
  });

  it('leaves out realms without a token that is valid', () => {
    const one = keeper('a', authority('r'));
    one.realms.hold(authority('r'), null);
    expect(one.gate.greeting()).toHaveLength(0);
  });

  it('has at most 64 tags, and no half ones', () => {
    const many = keeper('a', ...Array.from({ length: 70 }, (_, i) => authority(`r${i}`)));
    expect(many.gate.greeting()).toHaveLength(MAX_TAGS * TAG_BYTES);
    const b = keeper('b', authority('r1'));
    expect(b.gate.welcomes(facts(many))).toBeNull();
    const bytes = Buffer.concat([many.gate.greeting(), many.gate.greeting().subarray(0, TAG_BYTES)]);
    expect(b.gate.welcomes(facts(many, bytes))).toBe('no_common_realm');
    expect(b.gate.welcomes(facts(many, bytes.subarray(0, 3 * TAG_BYTES - 1)))).toBe('no_common_realm');
  });
});

describe('a proof', () => {
  it('admits to the realms in common', () => {
    const [a, b] = [
      keeper('a', authority('r'), authority('s'), authority('x')),
      keeper('b', authority('s'), authority('r')),
    ];
    expect(b.gate.check(context(a, b), proofTo(a, b))).toBeNull();
    expect([...b.gate.provenRealms('a')].sort()).toEqual(['r', 's']);
    expect(a.gate.check(context(a, b, 'responder'), b.gate.prove(context(a, b, 'responder')))).toBeNull();
    expect([...a.gate.provenRealms('b')].sort()).toEqual(['r', 's']);
  });

  it('is for so many realms at most', () => {
    const all = Array.from({ length: MAX_PROOFS + 1 }, (_, i) => authority(`r${i}`));
    const [a, b] = [keeper('a', ...all), keeper('b', ...all)];
    expect(b.gate.check(context(a, b), proofTo(a, b))).toBeNull();
    expect(b.gate.provenRealms('a')).toHaveLength(MAX_PROOFS);
  });

  it.each<[string, Partial<ProofContext>]>([
    ['sent back to who made it', { role: 'responder' }],
    ['with another nonce of the initiator', { initiatorNonce: new Uint8Array(32).fill(3) }],
    ['with another nonce of the responder', { responderNonce: new Uint8Array(32).fill(3) }],
    ['passed on by another initiator', { initiatorPeerId: 'c' }],
    ['passed on to another responder', { responderPeerId: 'c' }],
    ['of another version', { version: 1 }],
  ])('is worth nothing %s', (_name, other) => {
    const [a, b] = [keeper('a', authority('r')), keeper('b', authority('r'))];
    const proof = proofTo(a, b);
    expect(b.gate.check({ ...context(a, b), ...other }, proof)).toBe('not_admitted');
    expect(b.gate.provenRealms('a')).toEqual([]);
  });

  it('is worth nothing if any bit of it is another, in any of its realms', () => {
    const [a, b] = [keeper('a', authority('r'), authority('s')), keeper('b', authority('r'), authority('s'))];
    const proof = proofTo(a, b);
    for (let bit = 0; bit < proof.length * 8; bit++) {
      const bent = Uint8Array.from(proof);
      bent[bit >> 3]! ^= 1 << (bit & 7);
      expect(b.gate.check(context(a, b), bent)).toBe('not_admitted');
    }
  });

  it('has as many bytes as it should', () => {
    const [a, b] = [keeper('a', authority('r')), keeper('b', authority('r'))];
    const proof = proofTo(a, b);
    const many = Buffer.concat(Array.from({ length: MAX_PROOFS + 1 }, () => proof));
    for (const length of [0, 1, 47, 49, many.length]) {
      expect(b.gate.check(context(a, b), many.subarray(0, length))).toBe('not_admitted');
    }
  });

  it('is empty for who was not greeted, and so worth nothing', () => {
    const [a, b] = [keeper('a', authority('r')), keeper('b', authority('r'))];
    expect(b.gate.check(context(a, b), a.gate.prove(context(a, b)))).toBe('not_admitted');
  });
});

describe('while the epoch changes', () => {
  const states = [[1], [2, 1], [2]];
  it.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [1, 2],
    [2, 1],
  ])('nodes with the secrets of steps %i and %i admit each other', (one, other) => {
    const r = authority('r');
    const [a, b] = [keeper('a', r), keeper('b', r)];
    for (const [each, step] of [[a, one] as const, [b, other] as const]) {
      each.realms.hold(
        r,
        r.issue(each.peerId),
        states[step]!.map((epoch) => r.secret(epoch)),
      );
    }
    expect(b.gate.check(context(a, b), proofTo(a, b))).toBeNull();
    expect(a.gate.check(context(a, b, 'responder'), b.gate.prove(context(a, b, 'responder')))).toBeNull();
  });

  it('those of before and after have nothing in common', () => {
    const r = authority('r');
    const [a, b] = [keeper('a', r), keeper('b', r)];
    b.realms.hold(r, r.issue('b'), [r.secret(2)]);
    expect(b.gate.welcomes(facts(a))).toBe('no_common_realm');
  });
});
