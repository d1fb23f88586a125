import { defineConfig } from 'vitest/config';

// The suites that need minutes and the built service: npm run test:chaos.
export default defineConfig({
  test: {
    include: ['test/chaos/**/*.chaos.ts', 'test/cluster/**/*.chaos.ts'],
    globalSetup: ['test/chaos/build.setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    reporters: ['default', ['json', { outputFile: '.reports/chaos.json' }]],
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
