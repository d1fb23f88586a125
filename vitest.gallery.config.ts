import { defineConfig } from 'vitest/config';

// Every mail, page and element state that there is, looked at by tools: npm run test:gallery.
export default defineConfig({
  test: {
    include: ['test/gallery/*.gallery.ts'],
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', ['json', { outputFile: '.reports/gallery.json' }]],
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
