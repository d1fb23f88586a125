/** For orchestrators. What Redis does to readiness is told in outage.test.ts. */
import { expect, test } from 'vitest';
import { readBothConfigs } from '../../../src/config.ts';
import { startApi } from '../../../src/process/start-api.ts';
import { send } from '../../support/wire.ts';
import { eventually, startWorld } from '../../support/world.ts';

test('livez is the process, readyz is whether it may be given work, and neither fills the log', async () => {
  const world = await startWorld({ workers: false, env: { LOG_LEVEL: 'trace' } });
  for (const path of ['/livez', '/readyz']) {
    const ok = await eventually(async () => {
      const answer = await world.call('GET', path);
      return answer.status === 200 && answer;
    }, path);
    expect(ok.body).toEqual({ status: 'ok' });
    expect((await send(world.api, path, { method: 'HEAD' })).status).toBe(200);
  }
  expect(world.logs.filter(({ event }) => event === 'request.done')).toEqual([]);
});

test('a drained API says that it takes no more work, and still answers what comes', async () => {
  const world = await startWorld({ workers: false });
  const api = await startApi(readBothConfigs(world.env).api, {
    logTo: { write: () => undefined },
  });
  const readyz = () => send(api.url, '/readyz');
  await eventually(async () => (await readyz()).status === 200, 'ready');
  api.drain();
  const { status, text, headers } = await readyz();
  expect([status, JSON.parse(text)]).toMatchObject([503, { reason: 'draining' }]);
  expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
  expect((await send(api.url, '/livez')).status).toBe(200);
  expect((await send(api.url, '/confirm')).status).toBe(200);
  await api.close();
  await expect(send(api.url, '/livez')).rejects.toThrow('ECONNREFUSED');
});
