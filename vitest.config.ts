import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['packages/**/*.test.ts', 'bench/**/*.test.ts', 'sim/**/*.test.ts', 'scripts/**/*.test.ts'],
    // Real processes and sockets run beside the tests: more workers than this only make them wait for each other.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
