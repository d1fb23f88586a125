import { defineConfig } from 'vitest/config';

// The properties of the core for longer: npm run test:properties. LIFE_RUNS=100000 for a night.
export default defineConfig({
  test: {
    include: ['test/domain/{life,outrun}.test.ts'],
    env: { LIFE_RUNS: process.env['LIFE_RUNS'] ?? '5000' },
    reporters: ['default', ['json', { outputFile: '.reports/properties.json' }]],
    testTimeout: 600_000,
  },
});
