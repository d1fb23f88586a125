/** The examples without pages: a backend with Readdress in it, and the functions. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { freePort } from '../../demo/ports.ts';
import { run, type Packed } from '../support/packed.ts';
import { callApi, startWorld, tokenIn } from '../support/world.ts';
import { packages, serve } from './example.ts';

let packed: Packed;
beforeAll(async () => {
  packed = await packages();
});

test.each(['fastify-backend', 'express-backend'])(
  'the example %s serves its own pages and the whole change, from the packed package',
  async (example) => {
    const world = await startWorld({ workers: false });
    const port = await freePort(0);
    const url = `http://localhost:${port}`;
    const { end } = await serve(
      await packed.installExample(example),
      ['server.js'],
      { ...world.env, PORT: String(port), PUBLIC_URL: `${url}/account` },
      `${url}/account/readyz`,
    );
    expect(await (await fetch(url)).json()).toEqual({ backend: 'yours' });
    const { user_id: sub } = world.tenant.addUser({ email: 'old@example.com' });
    const asked = await callApi(url, 'POST', '/account/v1/email-changes', {
      token: await world.token(sub),
      body: { email: 'new@example.org' },
    });
    expect(asked.status).toBe(202);
    const { text } = await world.inbox.waitFor({ to: 'new@example.org' });
    const clicked = await callApi(url, 'POST', '/account/v1/confirm', {
      body: { token: tokenIn(text, 'confirm') },
      headers: { prefer: 'wait=10' },
    });
    expect(clicked.body).toMatchObject({ status: 'committed' });
    expect(await end()).toEqual([0, null]);
  },
);

test('the example lambda answers an event of a gateway and does what is due', async () => {
  const { env } = await startWorld({ workers: false });
  const folder = await packed.installExample('lambda');
  const script = `import { api, tasks } from './index.js';
const requestContext = { http: { method: 'GET', sourceIp: '203.0.113.7' } };
const { statusCode } = await api({ version: '2.0', rawPath: '/readyz', headers: {}, requestContext });
console.log(JSON.stringify([statusCode, await tasks()]));
process.exit();`;
  await writeFile(join(folder, 'events.mjs'), script);
  const { stdout } = await run(process.execPath, ['events.mjs'], {
    cwd: folder,
    env: { ...env, LOG_LEVEL: 'silent', TASKS: 'inline' },
  });
  expect(JSON.parse(stdout)).toEqual([200, { done: 0, putOff: 0 }]);
});
