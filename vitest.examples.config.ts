import { defineConfig } from 'vitest/config';

// The packages, the examples and the pieces of the docs as an adopter has them: installed from the packages, built, driven.
export default defineConfig({
  test: {
    include: ['test/packages.test.ts', 'test/examples/*.example.ts'],
    globalSetup: ['test/support/redis.setup.ts'],
    pool: 'forks',
    // What is packed once serves all of them.
    isolate: false,
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ['default', ['json', { outputFile: '.reports/examples.json' }]],
  },
});
