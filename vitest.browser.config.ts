import { defineConfig } from 'vitest/config';
import { Retried } from './test/support/retried.ts';

// Pages and the element in a real browser (Debian's Chromium): npm run test:browser.
export default defineConfig({
  test: {
    include: ['test/**/*.browser.test.ts'],
    globalSetup: ['test/support/redis.setup.ts'],
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: '.reports/browser.json' }], new Retried()],
  },
});
