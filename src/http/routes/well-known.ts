/**
 * The two files by which phones learn that an app may open the mailed links itself: Apple's
 * Universal Links and Android's App Links. Fetched without redirects, as JSON, by Apple's and
 * Google's servers; absent when no app is configured.
 */
import type { ApiDeps, App } from '../api-deps.ts';
import { PURPOSES } from '../../domain/email-change.ts';

export function registerWellKnown(app: App, { config }: ApiDeps): void {
  const files = {
    '/.well-known/apple-app-site-association':
      config.appLinksIos.length > 0 ? appleFile(config.appLinksIos, config.basePath) : undefined,
    '/.well-known/assetlinks.json':
      config.appLinksAndroid.length > 0 ? androidFile(config.appLinksAndroid) : undefined,
  };
  for (const [path, file] of Object.entries(files))
    if (file)
      app.get(path, { schema: { hide: true } }, (_req, reply) =>
        reply
          .type('application/json')
          .header('cache-control', 'public, max-age=3600')
          .serializer((body: unknown) => JSON.stringify(body))
          .send(file),
      );
}

/** `appIDs` are `<team id>.<bundle id>` (Apple: Supporting associated domains). */
const appleFile = (appIds: readonly string[], basePath: string) => ({
  applinks: {
    details: [
      {
        appIDs: appIds,
        components: PURPOSES.map((purpose) => ({
          '/': `${basePath}/${purpose}`,
          comment: `${purpose} link`,
        })),
      },
    ],
  },
});

/** One statement per package (Digital Asset Links). */
const androidFile = (apps: readonly { package: string; fingerprints: readonly string[] }[]) =>
  apps.map((each) => ({
    relation: ['delegate_permission/common.handle_all_urls'],
    target: {
      namespace: 'android_app',
      package_name: each.package,
      sha256_cert_fingerprints: each.fingerprints,
    },
  }));
