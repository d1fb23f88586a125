import { defineConfig } from 'vitest/config';

// Properties and races for longer, and how cost grows with the input: npm run test:properties. LIFE_RUNS=100000 for a night.
export default defineConfig({
  test: {
    include: [
      'test/domain/{life,outrun}.test.ts',
      'test/security/{races,enumeration,growth}.test.ts',
    ],
    globalSetup: ['test/support/redis.setup.ts'],
    env: {
      LIFE_RUNS: process.env['LIFE_RUNS'] ?? '5000',
      RACES: process.env['RACES'] ?? '200',
      TRIES: process.env['TRIES'] ?? '300',
    },
    reporters: ['default', ['json', { outputFile: '.reports/properties.json' }]],
    testTimeout: 600_000,
  },
});
