import fc from 'fast-check';
import { anyPacket } from '../testing/arbitraries.ts';
import { encodeCall } from '../testing/encode-call.ts';
import { opening, TARGETS } from './target.ts';

const PER_TARGET = 40;

/** Valid inputs to begin with: any packets that there are, each after its CONNECT or CONNACK. The same for the same seed. */
export function seedInputs(seed: number): Uint8Array[] {
  return TARGETS.flatMap(({ side, version }, index) =>
    fc.sample(anyPacket(side, version), { numRuns: PER_TARGET, seed }).map((call) => {
      const packet = encodeCall(version, call);
      const first = call.on === 'connect' || call.on === 'connack';
      return Uint8Array.of(...(first ? [index] : opening(index)), ...packet);
    }),
  );
}
