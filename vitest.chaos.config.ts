import { defineConfig } from 'vitest/config';

const short = process.env['CHAOS'] === 'short';

// The suites that need minutes and the built service: npm run test:chaos. Those with the tag `short`
// are the run of CI, two files at a time, since most of their time is waiting for leases to end.
export default defineConfig({
  test: {
    include: short
      ? ['test/chaos/{cases,crash-matrix,redis,storm}.chaos.ts']
      : ['test/chaos/*.chaos.ts', 'test/cluster/*.chaos.ts'],
    globalSetup: ['test/chaos/build.setup.ts'],
    pool: 'forks',
    fileParallelism: short,
    maxWorkers: short ? 2 : 1,
    tags: [{ name: 'short', description: 'part of the run of CI' }],
    ...(short ? { tagsFilter: ['short'] } : {}),
    reporters: ['default', ['json', { outputFile: '.reports/chaos.json' }]],
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
