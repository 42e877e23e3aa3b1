import { describe, expect, it } from 'vitest';
import { CORPUS } from './corpus.ts';
import { mutate, randomFrom } from './mutate.ts';
import { seedInputs } from './seeds.ts';
import { checkInput } from './target.ts';

const CASES = 4000;
const MAX_BYTES = 512;

describe('the decoder, given any bytes', () => {
  it('throws nothing but PacketError, and sees the same in every split: what `npm run fuzz` found telling', () => {
    for (const hex of CORPUS) {
      try {
        checkInput(Uint8Array.fromHex(hex));
      } catch (error) {
        throw new Error(`input ${hex}`, { cause: error });
      }
    }
    expect(CORPUS.length).toBeGreaterThan(100);
  });

  it('does so for mutations of valid packets too', () => {
    const seed = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const random = randomFrom(seed);
    const inputs = [...seedInputs(seed), ...CORPUS.map((hex) => Uint8Array.fromHex(hex))];
    for (let i = 0; i < CASES; i++) {
      const input = mutate(inputs[random(inputs.length)]!, inputs[random(inputs.length)]!, random, MAX_BYTES);
      try {
        checkInput(input);
      } catch (error) {
        throw new Error(`FC_SEED=${seed}, case ${i}, input ${input.toHex()}`, { cause: error });
      }
    }
  });
});
