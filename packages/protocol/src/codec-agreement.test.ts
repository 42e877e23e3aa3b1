import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyPacket, SEED } from './testing/arbitraries.ts';
import { encodeCall } from './testing/encode-call.ts';
import { peerDecode, peerEncode } from './testing/peer-codec.ts';
import { decode } from './testing/recorder.ts';

// mqtt-packet takes some empty fields for absent ones, so no field of these packets is empty; the round trip covers those.
const MIN_TEXT = 1;

describe.each(['server', 'client'] as const)('packets for the %s', (side) => {
  test.each([4, 5] as const)('by mqtt-packet are read as they were meant, protocol level %i', (version) => {
    fc.assert(
      fc.property(anyPacket(side, version, MIN_TEXT), (call) => {
        expect(decode(side, version, peerEncode(version, call))).toEqual([call]);
      }),
      { numRuns: 1500, ...SEED },
    );
  });

  test.each([4, 5] as const)('by us are read by mqtt-packet as they were meant, protocol level %i', (version) => {
    fc.assert(
      fc.property(anyPacket(side, version, MIN_TEXT), (call) => {
        expect(peerDecode(version, encodeCall(version, call))).toEqual(call);
      }),
      { numRuns: 1500, ...SEED },
    );
  });
});
