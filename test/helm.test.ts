/**
 * The Helm chart, as far as goes without Helm: its files are YAML, its values fit its schema, which is that of the
 * settings, and its templates name entries, ports, paths and values that are there.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { chartSchema, FIXED } from '../cli/settings-chart.ts';
import { ALL_SETTINGS, settingsOf } from '../cli/settings-files.ts';
import { readApiConfig, readWorkerConfig } from '../src/config.ts';

const CHART = 'deploy/helm/readdress';
const read = (name: string): string => readFileSync(`${CHART}/${name}`, 'utf8');
type Json = Record<string, unknown>;
const values = parse(read('values.yaml'), { strict: true, uniqueKeys: true }) as Json;
const TEMPLATES = readdirSync(`${CHART}/templates`);
const text = TEMPLATES.map((name) => read(`templates/${name}`)).join('\n');
const deployment = read('templates/_helpers.tpl');

/** Values as an operator writes them, over those of the chart. */
function merged(base: Json, over: Json): Json {
  const isMap = (value: unknown): value is Json =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return Object.fromEntries(
    [...new Set([...Object.keys(base), ...Object.keys(over)])].map((key) => {
      const [mine, theirs] = [base[key], over[key]];
      if (isMap(mine) && isMap(theirs)) return [key, merged(mine, theirs)];
      return [key, key in over ? theirs : mine];
    }),
  );
}
const schema = z.fromJSONSchema(chartSchema() as Parameters<typeof z.fromJSONSchema>[0]);
const accepts = (own: Json): boolean => schema.safeParse(merged(values, own)).success;

const OWN = {
  settings: { AUTH0_DOMAIN: 'acme.eu.auth0.com', PUBLIC_URL: 'https://account.acme.test' },
  api: { settings: { AUTH0_AUDIENCE: 'https://account.acme.test/' } },
  workers: { settings: { AUTH0_CLIENT_ID: 'client', MAIL_FROM: 'no-reply@acme.test' } },
};
const SECRETS = {
  shared: {
    REDIS_URL: 'redis://redis:6379',
    SEALING_KEYS: Buffer.alloc(32, 1).toString('base64'),
  },
  workers: { AUTH0_CLIENT_SECRET: 'secret-of-acme', SMTP_URL: 'smtps://mail.acme.test' },
};

test('the schema of its values is written from the settings, and takes no other name', () => {
  expect(JSON.parse(read('values.schema.json'))).toEqual(chartSchema());
  expect(accepts(OWN)).toBe(true);
  expect(accepts({})).toBe(false);
  for (const wrong of [
    { settings: { ...OWN.settings, LINK_TLL: '1h' } },
    { settings: { ...OWN.settings, AUTH0_RATE: '2' } },
    { settings: { ...OWN.settings, CONFIRMATION: 'all' } },
    { settings: { ...OWN.settings, SEALING_KEYS: 'in clear' } },
    { api: { settings: { ...OWN.api.settings, SMTP_URL: 'smtps://in.clear' } } },
    { api: { settings: { ...OWN.api.settings, PORT: '80' } } },
    { secrets: { workers: { values: { REDIS_URL: 'redis://elsewhere' } } } },
    { networkPolicy: { redisPort: 'redis' } },
    { replicas: 3 },
  ])
    expect(accepts(merged(OWN, wrong)), JSON.stringify(wrong)).toBe(false);
});

test('every setting can be given to the process that reads it, and each is given what it starts with', () => {
  const of = (...path: string[]): string[] => {
    let at = chartSchema() as { properties: Record<string, typeof at> };
    for (const name of path) at = at.properties[name]!;
    return Object.keys(at.properties);
  };
  const places = {
    both: [...of('settings'), ...of('secrets', 'shared', 'values')],
    api: of('api', 'settings'),
    workers: [...of('workers', 'settings'), ...of('secrets', 'workers', 'values')],
  };
  for (const process of ['both', 'api', 'workers'] as const)
    expect(places[process].toSorted()).toEqual(
      settingsOf(process)
        .map(({ name }) => name)
        .filter((name) => !FIXED.includes(name))
        .toSorted(),
    );
  // No secret of the workers may come to the API, whose secrets are those of both.
  expect(settingsOf('api').filter(({ secret }) => secret)).toEqual([]);
  const env = { ...OWN.settings, ...SECRETS.shared };
  expect(readApiConfig({ ...env, ...OWN.api.settings }).tenant).toBe('acme.eu.auth0.com');
  const workers = { ...env, ...SECRETS.workers, ...OWN.workers.settings };
  expect(readWorkerConfig(workers).clientId).toBe('client');
});

test('the containers run entries that a build makes, on the ports that are named, confined and probed', () => {
  const fixed = Object.fromEntries(
    ['api', 'workers'].map((component) => {
      const [, dict = ''] = /\$fixed := dict (.*) -\}\}/.exec(read(`templates/${component}.yaml`))!;
      const words = [...dict.matchAll(/"([^"]*)"/g)].map(([, word]) => word!);
      return [component, new Map(words.flatMap((w, i) => (i % 2 ? [] : [[w, words[i + 1]!]])))];
    }),
  ) as Record<'api' | 'workers', Map<string, string>>;
  for (const [component, entry, names] of [
    ['api', 'src/server', { PORT: 'http', METRICS_PORT: 'metrics' }],
    ['workers', 'workers/main', { WORKER_PORT: 'metrics' }],
  ] as const) {
    const template = read(`templates/${component}.yaml`);
    expect(template).toContain(`"entry" "dist/${entry}.js"`);
    expect(existsSync(`${entry}.ts`)).toBe(true);
    for (const [setting, port] of Object.entries(names))
      expect(template).toMatch(
        new RegExp(String.raw`dict .*"${port}" ${fixed[component].get(setting)}\b.* -\}\}`),
      );
    for (const name of fixed[component].keys()) expect(FIXED).toContain(name);
  }
  expect([...fixed.api.keys(), ...fixed.workers.keys()].toSorted()).toEqual(
    [...FIXED, 'NODE_ENV'].toSorted(),
  );
  for (const line of [
    'runAsNonRoot: true',
    'readOnlyRootFilesystem: true',
    'allowPrivilegeEscalation: false',
    'drop: [ALL]',
    'type: RuntimeDefault',
    'automountServiceAccountToken: false',
    'path: /livez',
    'path: /readyz',
  ])
    expect(deployment).toContain(line);
  const grace = Number(values['terminationGracePeriodSeconds']);
  const { default: own } = ALL_SETTINGS.find(({ name }) => name === 'SHUTDOWN_GRACE')!;
  expect(grace).toBeGreaterThan(Number.parseInt(own!, 10));
});

test('templates use values, partials and components that there are, and every block ends', () => {
  for (const [, path] of text.matchAll(/\.Values((?:\.\w+)+)/g)) {
    let at: unknown = merged(values, OWN);
    for (const name of path!.slice(1).split('.')) at = (at as Json)[name];
    expect(at, path).toBeDefined();
  }
  const defined = [...text.matchAll(/define "([\w.]+)"/g)].map(([, name]) => name!);
  for (const [, name] of text.matchAll(/include "([\w.]+)"/g)) expect(defined).toContain(name);
  for (const name of TEMPLATES) {
    const words = [...read(`templates/${name}`).matchAll(/\{\{-? *(\w+)/g)].map(([, word]) => word);
    const count = (...wanted: string[]) => words.filter((w) => wanted.includes(w!)).length;
    expect(count('if', 'range', 'with', 'define'), name).toBe(count('end'));
    const { length } = read(`templates/${name}`).split('{{');
    expect(read(`templates/${name}`).split('}}'), name).toHaveLength(length);
  }
  for (const kind of ['Deployment', 'Service', 'Secret', 'PodDisruptionBudget', 'NetworkPolicy'])
    expect(text).toMatch(new RegExp(`^kind: ${kind}$`, 'm'));
  const chart = parse(read('Chart.yaml'), { strict: true }) as Json;
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(chart).toMatchObject({
    apiVersion: 'v2',
    name: 'readdress',
    version,
    appVersion: version,
  });
});
