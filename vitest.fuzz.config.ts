import { defineConfig } from 'vitest/config';

// Requests that nobody would write: npm run fuzz. FUZZ_RUNS=100000 FUZZ_SEED=1 for longer.
export default defineConfig({
  test: {
    include: ['test/fuzz/*.fuzz.ts'],
    globalSetup: ['test/support/redis.setup.ts'],
    pool: 'forks',
    reporters: ['default', ['json', { outputFile: '.reports/fuzz-tests.json' }]],
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
  },
});
