import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireError } from '../peer/wire-bytes.ts';
import { seeded } from '../testing/seed.ts';
import { decodeMembers, encodeMembers, type Mention, mention } from './members-frame.ts';

const MENTION = fc.record({
  nodeId: fc.string({ maxLength: 64 }).filter((text) => text.isWellFormed()),
  incarnation: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  addresses: fc.array(
    fc.string({ maxLength: 40 }).filter((text) => text.isWellFormed()),
    { maxLength: 8 },
  ),
});
const decode = (bytes: Uint8Array) => decodeMembers(bytes, 0, bytes.length);
const some: Mention[] = [
  { nodeId: 'a', incarnation: 1_763_000_000_000, addresses: ['/ip4/192.0.2.1/tcp/9443'] },
  { nodeId: 'b', incarnation: 2, addresses: [] },
];

describe('a Members frame', () => {
  it('says what was put into it, wherever in a buffer it stands', () => {
    fc.assert(
      fc.property(fc.array(MENTION, { maxLength: 20 }), fc.nat(9), (mentions, before) => {
        const body = encodeMembers(mentions);
        const buffer = Buffer.concat([Buffer.alloc(before, 0xff), body, Buffer.alloc(3, 0xff)]);
        expect(decodeMembers(buffer, before, before + body.length)).toEqual(mentions);
      }),
      seeded(200),
    );
  });

  it('is an error when it ends anywhere before its end', () => {
    const body = encodeMembers(some);
    for (let end = 0; end < body.length; end++) expect(() => decode(body.subarray(0, end))).toThrow(WireError);
  });

  it('never does worse than an error, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      seeded(500),
    );
  });

  it('does not let a peer claim more than there can be', () => {
    expect(() => decode(Uint8Array.of(0xff, 0xff, 0x7f))).toThrow('members');
    expect(() => decode(encodeMembers([{ nodeId: 'x'.repeat(129), incarnation: 1, addresses: [] }]))).toThrow(
      'node id',
    );
    const many = { nodeId: 'x', incarnation: 1, addresses: new Array(33).fill('/a') };
    expect(() => decode(encodeMembers([many]))).toThrow('addresses');
    expect(() => decode(encodeMembers([{ ...many, addresses: ['a'.repeat(513)] }]))).toThrow('an address');
  });

  it('can hold any node, with the first of its addresses', () => {
    const addresses = ['a'.repeat(1000), ...Array.from({ length: 100 }, (_, i) => `/memory/${i}`)];
    const said = mention('x', 1, addresses);
    expect(decode(encodeMembers([said]))).toEqual([{ nodeId: 'x', incarnation: 1, addresses: addresses.slice(1, 33) }]);
  });

  it('may speak of members in a state that is not known here', () => {
    const body = encodeMembers(some);
    body[1] = 9;
    expect(decode(body)).toEqual([some[1]]);
  });
});
