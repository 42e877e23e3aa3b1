import { describe, expect, it } from 'vitest';
import type { PeerFacts, ProofContext } from '../peer/link-ports.ts';
import { ClusterGatekeeper, type KnownPeers } from './gatekeeper.ts';
import { MAC_BYTES } from './proof.ts';

const CONTEXT: ProofContext = {
  role: 'initiator',
  initiatorNonce: new Uint8Array(32).fill(1),
  responderNonce: new Uint8Array(32).fill(2),
  initiatorPeerId: 'peer-a',
  responderPeerId: 'peer-b',
  version: 2,
};
const NOBODY: KnownPeers = { objection: () => null };

const keeper = (name: string, ...secrets: string[]) => new ClusterGatekeeper(name, secrets, NOBODY);
const facts = (greeting: string): PeerFacts => ({
  peerId: 'peer-a',
  incarnation: 1,
  version: 2,
  features: 0,
  addresses: [],
  greeting: Buffer.from(greeting),
});

describe('a proof', () => {
  const proof = keeper('c', 'secret').prove(CONTEXT);

  it('admits who has the secret', () => {
    expect(keeper('c', 'secret').check(CONTEXT, proof)).toBeNull();
    expect(keeper('c', 'Secret').check(CONTEXT, proof)).toBe('wrong_secret');
  });

  it.each<[string, Partial<ProofContext>]>([
    ['sent back to who made it', { role: 'responder' }],
    [
      'of an introduction with the roles swapped',
      {
        role: 'responder',
        initiatorNonce: CONTEXT.responderNonce,
        responderNonce: CONTEXT.initiatorNonce,
        initiatorPeerId: CONTEXT.responderPeerId,
        responderPeerId: CONTEXT.initiatorPeerId,
      },
    ],
    ['with another nonce of the initiator', { initiatorNonce: new Uint8Array(32).fill(3) }],
    ['with another nonce of the responder', { responderNonce: new Uint8Array(32).fill(3) }],
    ['with the nonces swapped', { initiatorNonce: CONTEXT.responderNonce, responderNonce: CONTEXT.initiatorNonce }],
    ['passed on by another initiator', { initiatorPeerId: 'peer-c' }],
    ['passed on to another responder', { responderPeerId: 'peer-c' }],
    ['with a byte moved from one peer id to the other', { initiatorPeerId: 'peer-ap', responderPeerId: 'eer-b' }],
    ['of another version', { version: 1 }],
  ])('is worth nothing %s', (_name, other) => {
    expect(keeper('c', 'secret').check({ ...CONTEXT, ...other }, proof)).toBe('wrong_secret');
  });

  it('is worth nothing in a cluster of another name', () => {
    expect(keeper('d', 'secret').check(CONTEXT, proof)).toBe('wrong_secret');
  });

  it('is worth nothing when any bit of it is another', () => {
    for (let bit = 0; bit < proof.length * 8; bit++) {
      const bent = Uint8Array.from(proof);
      bent[bit >> 3]! ^= 1 << (bit & 7);
      expect(keeper('c', 'secret').check(CONTEXT, bent)).toBe('wrong_secret');
    }
  });

  it.each([0, 1, MAC_BYTES - 1, MAC_BYTES + 1, 3 * MAC_BYTES])('has as many bytes as it should: not %i', (length) => {
    const bytes = Buffer.concat([proof, proof, proof]).subarray(0, length);
    expect(keeper('c', 'secret').check(CONTEXT, bytes)).toBe('wrong_secret');
  });
});

describe('while the secret of a cluster is changed', () => {
  const steps = [['old'], ['old', 'new'], ['new', 'old'], ['new']];

  it.each(steps.slice(1).map((after, i) => [steps[i]!, after] as const))('%j and %j admit each other', (a, b) => {
    const [first, second] = [keeper('c', ...a), keeper('c', ...b)];
    expect(second.check(CONTEXT, first.prove(CONTEXT))).toBeNull();
    expect(first.check(CONTEXT, second.prove(CONTEXT))).toBeNull();
  });

  it('the old one is worth nothing once it is gone', () => {
    expect(keeper('c', 'new').check(CONTEXT, keeper('c', 'old').prove(CONTEXT))).toBe('wrong_secret');
    expect(keeper('c', 'old').check(CONTEXT, keeper('c', 'new').prove(CONTEXT))).toBe('wrong_secret');
  });

  it('the first one is proven first', () => {
    const both = keeper('c', 'new', 'old').prove(CONTEXT);
    expect(both.subarray(0, MAC_BYTES)).toEqual(keeper('c', 'new').prove(CONTEXT));
    expect(both).toHaveLength(2 * MAC_BYTES);
  });
});

describe('a gatekeeper', () => {
  it('sends nodes of another cluster away before they prove anything', () => {
    const ours = keeper('c', 'secret');
    expect(ours.welcomes(facts('c'))).toBeNull();
    for (const name of ['', 'C', 'cc', 'd']) expect(ours.welcomes(facts(name))).toBe('wrong_cluster');
    expect(Buffer.from(ours.greeting()).toString()).toBe('c');
  });

  it('refuses who runs with the identity of another', () => {
    const known: KnownPeers = { objection: (_, incarnation) => (incarnation < 2 ? 'same_identity' : null) };
    const ours = new ClusterGatekeeper('c', ['secret'], known);
    expect(ours.welcomes(facts('c'))).toBe('same_identity');
    expect(ours.welcomes({ ...facts('c'), incarnation: 2 })).toBeNull();
  });
});
