import { defineConfig } from 'vitest/config';
import { Order } from './test/support/order.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Suites of their own: a browser, what is packed and installed, and what is measured.
    exclude: ['test/**/*.browser.test.ts', 'test/packages.test.ts', 'test/security/growth.test.ts'],
    globalSetup: ['test/support/redis.setup.ts'],
    sequence: { sequencer: Order },
    pool: 'forks',
    // Files share what they import: to read it anew for each would take as long as to run them.
    isolate: false,
    // Tests wait more than they work: three at a time keep two cores busy.
    maxWorkers: 3,
    testTimeout: 40_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: '.reports/tests.json' }]],
  },
});
