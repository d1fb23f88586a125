/** The two files by which phones learn that an app may open the mailed links itself. */
import { describe, expect, test } from 'vitest';
import { PURPOSES } from '../../../src/domain/email-change.ts';
import { send } from '../../support/wire.ts';
import { startWorld } from '../../support/world.ts';

const APPLE = '/.well-known/apple-app-site-association';
const ANDROID = '/.well-known/assetlinks.json';
const DEBUG = Array.from({ length: 32 }, () => 'AB').join(':');
const RELEASE = Array.from({ length: 32 }, () => '0F').join(':');

const startWith = (env: Record<string, string>) => startWorld({ workers: false, env });

describe('for iOS', () => {
  test('every page of a link is named, for every app, as Apple reads it', async () => {
    const world = await startWith({
      APP_LINKS_IOS: 'ABCDE12345.com.example.app, ABCDE12345.com.example.app.beta',
    });
    const answer = await send(world.api, APPLE);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({
      applinks: {
        details: [
          {
            appIDs: ['ABCDE12345.com.example.app', 'ABCDE12345.com.example.app.beta'],
            components: PURPOSES.map((purpose) => ({
              '/': `/${purpose}`,
              comment: expect.any(String),
            })),
          },
        ],
      },
    });
    // Apple's own limit.
    expect(answer.text.length).toBeLessThan(128 * 1024);
  });
});

describe('for Android', () => {
  test('each package is one statement with all its certificates, as Google reads it', async () => {
    const world = await startWith({
      APP_LINKS_ANDROID: `com.example.app=${DEBUG},com.example.app=${RELEASE},com.example.other=${RELEASE}`,
    });
    const answer = await send(world.api, ANDROID);
    expect(answer.status).toBe(200);
    const statement = (name: string, fingerprints: string[]) => ({
      relation: ['delegate_permission/common.handle_all_urls'],
      target: {
        namespace: 'android_app',
        package_name: name,
        sha256_cert_fingerprints: fingerprints,
      },
    });
    expect(JSON.parse(answer.text)).toEqual([
      statement('com.example.app', [DEBUG, RELEASE]),
      statement('com.example.other', [RELEASE]),
    ]);
  });
});

describe('both', () => {
  const env = {
    APP_LINKS_IOS: 'ABCDE12345.com.example.app',
    APP_LINKS_ANDROID: `com.example.app=${RELEASE}`,
  };

  test.each([APPLE, ANDROID])(
    '%s is JSON at once: no redirect, no login, no condition',
    async (path) => {
      const world = await startWith(env);
      for (const headers of [{}, { accept: 'text/html' }, { 'user-agent': 'AASA-Bot/1.0.0' }]) {
        const answer = await send(world.api, path, { headers });
        expect(answer.status).toBe(200);
        expect(answer.headers['content-type']).toMatch(/^application\/json(; charset=utf-8)?$/);
        expect(answer.headers['cache-control']).toBe('public, max-age=3600');
        expect(answer.headers).not.toHaveProperty('location');
        expect(answer.headers).not.toHaveProperty('set-cookie');
        expect(answer.headers['x-content-type-options']).toBe('nosniff');
      }
      const head = await send(world.api, path, { method: 'HEAD' });
      expect([head.status, head.text]).toEqual([200, '']);
      expect(head.headers['content-type']).toMatch(/^application\/json/);
    },
  );

  test.each([`${APPLE}.json`, `${APPLE}/`, '/apple-app-site-association', `${ANDROID}/x`])(
    '%s is not one of them',
    async (path) => {
      const world = await startWith(env);
      expect((await send(world.api, path)).status).toBe(404);
    },
  );

  test('where no app is set, there is no file, and one app brings one file', async () => {
    const without = await startWith({});
    for (const path of [APPLE, ANDROID]) {
      const answer = await send(without.api, path);
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'not-found' });
    }
    const withOne = await startWith({ APP_LINKS_IOS: env.APP_LINKS_IOS });
    expect((await send(withOne.api, APPLE)).status).toBe(200);
    expect((await send(withOne.api, ANDROID)).status).toBe(404);
  });

  test('every page that they name is one of the service', async () => {
    const world = await startWith(env);
    const { applinks } = JSON.parse((await send(world.api, APPLE)).text) as {
      applinks: { details: { components: { '/': string }[] }[] };
    };
    for (const { '/': path } of applinks.details[0]!.components)
      expect((await send(world.api, path)).status, path).toBe(200);
  });
});
