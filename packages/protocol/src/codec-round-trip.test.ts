import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyPacket, SEED } from './testing/arbitraries.ts';
import { encodeCall } from './testing/encode-call.ts';
import { decode } from './testing/recorder.ts';

describe.each(['server', 'client'] as const)('the decoder of the %s', (side) => {
  test.each([4, 5] as const)('reads what the encoder wrote, protocol level %i', (version) => {
    fc.assert(
      fc.property(anyPacket(side, version), (call) => {
        expect(decode(side, version, encodeCall(version, call))).toEqual([call]);
      }),
      { numRuns: 1500, ...SEED },
    );
  });
});
