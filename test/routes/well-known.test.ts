/** The files by which phones learn which app may open a mailed link. */
import { expect, test } from 'vitest';
import { expectProblem, send } from '../support/wire.ts';
import { startWorld } from '../support/world.ts';

const APPLE = '/.well-known/apple-app-site-association';
const ANDROID = '/.well-known/assetlinks.json';
const PRINT = Array.from({ length: 32 }, (_, i) =>
  i.toString(16).padStart(2, '0').toUpperCase(),
).join(':');
const OTHER = PRINT.replace('00:', 'FF:');

test('are there without a redirect, as JSON, and name the apps and the link pages', async () => {
  const world = await startWorld({
    workers: false,
    env: {
      APP_LINKS_IOS: 'ABCDE12345.com.example.app, ABCDE12345.com.example.beta',
      APP_LINKS_ANDROID: `com.example.app=${PRINT}, com.example.app=${OTHER}`,
    },
  });
  const apple = await world.call('GET', APPLE);
  expect(apple.status).toBe(200);
  expect(apple.headers.get('content-type')).toMatch(/^application\/json/);
  expect(apple.body.applinks.details).toEqual([
    {
      appIDs: ['ABCDE12345.com.example.app', 'ABCDE12345.com.example.beta'],
      components: ['confirm', 'approve', 'cancel', 'undo'].map((purpose) => ({
        '/': `/${purpose}`,
        comment: expect.any(String),
      })),
    },
  ]);
  const android = await world.call('GET', ANDROID);
  expect(android.headers.get('content-type')).toMatch(/^application\/json/);
  expect(android.body).toEqual([
    {
      relation: ['delegate_permission/common.handle_all_urls'],
      target: {
        namespace: 'android_app',
        package_name: 'com.example.app',
        sha256_cert_fingerprints: [PRINT, OTHER],
      },
    },
  ]);
  expect((await send(world.api, APPLE, { method: 'HEAD' })).status).toBe(200);
});

test('are not there where no app is configured', async () => {
  const world = await startWorld({ workers: false });
  for (const path of [APPLE, ANDROID]) expectProblem(await world.call('GET', path), 'not-found');
});
