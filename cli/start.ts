/** The entries of the service, by name. Each reads its own settings, listens, and ends by a signal. */
import type { Command } from './command.ts';

const entry = (usage: string, about: string, open: () => Promise<unknown>): Command => ({
  usage,
  about,
  takes: [0, 0],
  ofAll: true,
  async run() {
    await open();
    return 0;
  },
});

export const start = entry('start', 'API and workers in one process', () => import('../start.ts'));
export const api = entry('api', 'the API alone', () => import('../src/server.ts'));
export const workers = entry('workers', 'the workers alone', () => import('../workers/main.ts'));
