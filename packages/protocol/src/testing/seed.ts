/** Parameters for `fc.assert`: the seed in `FC_SEED` if one is given, so that a failure can be had again. */
export function seeded(numRuns: number): { numRuns: number; seed?: number } {
  const seed = process.env.FC_SEED;
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}
