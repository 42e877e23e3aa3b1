/** `npm run bench -- --micro`: the hot pieces of the protocol by themselves. */
import { decoderBenchmarks } from './decoder.ts';
import { encoderBenchmarks } from './encoder.ts';
import { trieBenchmarks } from './trie.ts';

process.stdout.write('| what | each | rate |\n| --- | --- | --- |\n');
decoderBenchmarks();
encoderBenchmarks();
trieBenchmarks();
