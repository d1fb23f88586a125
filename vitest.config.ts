import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { StoryFirst } from './test/support/story-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/redis.setup.ts'],
    sequence: { sequencer: StoryFirst },
    pool: 'forks',
    // The tests wait more than they work: vitest's own number, one less than the cores, leaves two cores idle.
    maxWorkers: Math.max(3, availableParallelism()),
    // On a shared machine a real browser, Redis or clock may be late once; a fault is late every time.
    retry: process.env['CI'] ? 2 : 0,
    reporters: ['default', ['json', { outputFile: '.reports/tests.json' }]],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
