import { defineConfig } from 'vitest/config';
import { StoryFirst } from './test/support/story-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/redis.setup.ts'],
    sequence: { sequencer: StoryFirst },
    pool: 'forks',
    reporters: ['default', ['json', { outputFile: '.reports/tests.json' }]],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
