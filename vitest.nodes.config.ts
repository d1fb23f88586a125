import { defineConfig } from 'vitest/config';

const [major] = process.versions.node.split('.');

// The story, the processes as operators run them, and every home, on another version of Node than the rest.
export default defineConfig({
  test: {
    include: ['test/flow.test.ts', 'test/homes/story.test.ts', 'test/processes.test.ts'],
    testNamePattern: /story|only after its mailbox|an address is asked for|drains and exits/,
    globalSetup: ['test/support/redis.setup.ts'],
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 40_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: `.reports/node-${major}.json` }]],
  },
});
