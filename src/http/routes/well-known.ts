/**
 * The two files by which phones learn that an app may open the mailed links itself: Apple's
 * Universal Links and Android's App Links. Fetched without redirects, as JSON, by Apple's and
 * Google's servers; absent when no app is configured. Phones ask at the root of a host alone, so
 * tenants that share a host share the files.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiDeps, App } from '../api-deps.ts';
import type { ApiConfig } from '../../config.ts';
import { PURPOSES } from '../../domain/email-change.ts';
import { SECURITY_HEADERS } from '../plugins/security-headers.ts';

type Linked = Pick<ApiConfig, 'basePath' | 'appLinksIos' | 'appLinksAndroid'>;

const FILES = {
  '/.well-known/apple-app-site-association': appleFile,
  '/.well-known/assetlinks.json': androidFile,
};

export function registerWellKnown(app: App, { config }: ApiDeps): void {
  for (const [path, fileOf] of Object.entries(FILES)) {
    const file = fileOf([config]);
    if (file) app.get(path, { schema: { hide: true } }, (_request, reply) => send(reply, file));
  }
}

/** At the root of an app that serves several tenants: for each host the apps of those who share it. */
export function registerSharedWellKnown(
  app: FastifyInstance,
  configs: readonly ApiConfig[],
  refuse: (reply: FastifyReply) => void,
): void {
  const hostOf = ({ publicUrl }: ApiConfig): string => new URL(publicUrl).hostname;
  const hosts = new Set(configs.map(hostOf));
  /** A proxy may have put its own name there; where there is one host, that is no matter. */
  const meant = ({ hostname }: FastifyRequest): string =>
    hosts.size === 1 ? [...hosts][0]! : hostname.toLowerCase();
  for (const [path, fileOf] of Object.entries(FILES)) {
    const files = new Map(
      [...hosts].map((host) => [host, fileOf(configs.filter((one) => hostOf(one) === host))]),
    );
    app.get(path, async (request, reply) => {
      const file = files.get(meant(request));
      return file ? send(reply.headers(SECURITY_HEADERS), file) : refuse(reply);
    });
  }
}

const send = (reply: FastifyReply, file: object): FastifyReply =>
  reply
    .type('application/json')
    .header('cache-control', 'public, max-age=3600')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(file);

/** `appIDs` are `<team id>.<bundle id>` (Apple: Supporting associated domains). */
function appleFile(configs: readonly Linked[]): object | undefined {
  const apps = new Set(configs.flatMap((config) => config.appLinksIos));
  // An app stands in one entry, with the links of all tenants that name it.
  const entries = new Map<string, { appIDs: string[]; components: object[] }>();
  for (const app of apps) {
    const paths = configs
      .filter(({ appLinksIos }) => appLinksIos.includes(app))
      .flatMap(({ basePath }) => PURPOSES.map((purpose) => [purpose, `${basePath}/${purpose}`]));
    const key = paths.join(' ');
    const components = paths.map(([purpose, path]) => ({ '/': path, comment: `${purpose} link` }));
    const { appIDs } = entries.get(key) ?? { appIDs: [] };
    entries.set(key, { appIDs: [...appIDs, app], components });
  }
  return apps.size > 0 ? { applinks: { details: [...entries.values()] } } : undefined;
}

/** One statement per package, with all its certificates (Digital Asset Links). */
function androidFile(configs: readonly Linked[]): object | undefined {
  const packages = new Map<string, Set<string>>();
  for (const each of configs.flatMap((config) => config.appLinksAndroid))
    packages.set(
      each.package,
      new Set([...(packages.get(each.package) ?? []), ...each.fingerprints]),
    );
  const statements = [...packages].map(([name, fingerprints]) => ({
    relation: ['delegate_permission/common.handle_all_urls'],
    target: {
      namespace: 'android_app',
      package_name: name,
      sha256_cert_fingerprints: [...fingerprints],
    },
  }));
  return statements.length > 0 ? statements : undefined;
}
