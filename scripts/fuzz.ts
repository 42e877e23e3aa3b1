/**
 * Coverage-guided fuzzing of the decoder: mutates inputs, keeps those that reach a block of code that none reached before,
 * and mutates those in turn. Feedback is V8's own block coverage. What it keeps becomes
 * packages/protocol/src/fuzz/corpus.ts, which `npm test` replays; an input that breaks the expectations of
 * `fuzz/target.ts` is printed, and ends the run with 1.
 *
 *     npm run fuzz -- [--seconds 60] [--seed N] [--no-write]
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CORPUS } from '../packages/protocol/src/fuzz/corpus.ts';
import { mutate, randomFrom } from '../packages/protocol/src/fuzz/mutate.ts';
import { seedInputs } from '../packages/protocol/src/fuzz/seeds.ts';
import { checkInput } from '../packages/protocol/src/fuzz/target.ts';
import { repositoryRoot } from './repository.ts';

const CORPUS_FILE = 'packages/protocol/src/fuzz/corpus.ts';
/** Code whose coverage counts: the decoder, not what drives it. */
const WATCHED = /\/packages\/protocol\/src\/[^/]+\.ts$/;
const MAX_BYTES = 400;
/** Inputs between two looks at the coverage, which cost as much as hundreds of inputs. */
const BATCH = 200;

/** The blocks of code that were reached. */
class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Forgets what ran since the last look. */
  async skip(): Promise<void> {
    await this.#session.post('Profiler.takePreciseCoverage');
  }

  /** @param keep whether what is new is not new any more afterwards. @returns how much that ran since the last look is new */
  async look(keep: boolean): Promise<number> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    let fresh = 0;
    for (const { url, functions } of result) {
      if (!WATCHED.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count === 0) continue;
          const key = `${url}:${startOffset}:${endOffset}`;
          if (this.#seen.has(key)) continue;
          fresh++;
          if (keep) this.#seen.add(key);
        }
      }
    }
    return fresh;
  }
}

function check(input: Uint8Array): void {
  try {
    checkInput(input);
  } catch (error) {
    process.stderr.write(`found: ${input.toHex()}\n${(error as Error).stack}\n`);
    process.exit(1);
  }
}

/** Takes bytes away as long as the input still reaches something new; in pieces, since every look at the coverage has its price. */
async function shrink(input: Uint8Array, coverage: Coverage): Promise<Uint8Array> {
  let smallest = input;
  for (let size = input.length >> 1; size >= Math.max(1, input.length >> 4); size >>= 1) {
    for (let at = 1; at + size <= smallest.length; ) {
      const shorter = Uint8Array.of(...smallest.subarray(0, at), ...smallest.subarray(at + size));
      await coverage.skip();
      check(shorter);
      if ((await coverage.look(false)) > 0) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const random = randomFrom(seed);
  const coverage = new Coverage();
  await coverage.start();
  const kept: Uint8Array[] = [];
  let until = Number.POSITIVE_INFINITY;
  let cases = 0;
  const consider = async (inputs: readonly Uint8Array[]): Promise<void> => {
    await coverage.skip();
    for (const input of inputs) check(input);
    cases += inputs.length;
    if ((await coverage.look(false)) === 0) return;
    for (const input of inputs) {
      if (performance.now() > until) return;
      await coverage.skip();
      check(input);
      if ((await coverage.look(false)) === 0) continue;
      const small = await shrink(input, coverage);
      await coverage.skip();
      check(small);
      if ((await coverage.look(true)) > 0) kept.push(small);
    }
  };
  for (const hex of CORPUS) await consider([Uint8Array.fromHex(hex)]);
  const seeds = seedInputs(seed);
  for (let at = 0; at < seeds.length; at += BATCH) await consider(seeds.slice(at, at + BATCH));
  process.stdout.write(`seed ${seed}: ${kept.length} inputs reach ${coverage.size} blocks before any mutation\n`);
  const pool = (): Uint8Array => (random(4) === 0 ? seeds[random(seeds.length)]! : kept[random(kept.length)]!);
  until = performance.now() + Number(values.seconds) * 1000;
  while (performance.now() < until) {
    await consider(Array.from({ length: BATCH }, () => mutate(pool(), pool(), random, MAX_BYTES)));
  }
  process.stdout.write(`${cases} cases, ${kept.length} inputs reach ${coverage.size} blocks\n`);
  if (!values['no-write']) writeCorpus(kept);
}

function writeCorpus(inputs: readonly Uint8Array[]): void {
  const lines = inputs.map((input) => `  '${input.toHex()}',`);
  const header =
    '/** Inputs that each reach something in the decoder that the ones before do not, in hex; see `target.ts`. `npm run fuzz` writes them. */\n';
  const body = `// biome-ignore format: one per line, however long\nexport const CORPUS: readonly string[] = [\n${lines.join('\n')}\n];\n`;
  writeFileSync(join(repositoryRoot, CORPUS_FILE), header + body);
}

await main();
