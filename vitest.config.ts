import { configDefaults, defineConfig } from 'vitest/config';
import { Retried } from './test/support/retried.ts';
import { StoryFirst } from './test/support/story-first.ts';

const BROWSER = 'test/**/*.browser.test.ts';
const shared = {
  testTimeout: 20_000,
  hookTimeout: 60_000,
  // Files share what they import: to read it anew for each would take as long as to run them.
  isolate: false,
};

export default defineConfig({
  test: {
    // Of the root: one Redis for both projects.
    globalSetup: ['test/support/redis.setup.ts'],
    sequence: { sequencer: StoryFirst },
    pool: 'forks',
    // The tests wait more than they work, but a browser does not.
    maxWorkers: 4,
    reporters: ['default', ['json', { outputFile: '.reports/tests.json' }], new Retried()],
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, BROWSER],
          ...shared,
        },
      },
      {
        test: {
          name: 'browser',
          include: [BROWSER],
          // A real browser on a shared machine may be late once. Nothing else is ever tried again.
          retry: process.env['CI'] ? 2 : 0,
          ...shared,
        },
      },
    ],
  },
});
