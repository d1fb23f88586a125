/** Files for those who run the service: what they name is there. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { freePort } from '../demo/ports.ts';
import { EX_CONFIG } from '../src/config.ts';
import { createMetrics } from '../src/process/metrics.ts';
import { startWorld } from './support/world.ts';

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const ALERTS = read('deploy/prometheus/alerts.yml');
const DASHBOARD = JSON.parse(read('deploy/grafana/dashboard.json')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};
const ALL_EXPRESSIONS = [
  ...[...ALERTS.matchAll(/^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)/gm)].map(
    ([, block, line]) => block ?? line!,
  ),
  ...DASHBOARD.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
];

test('every query of dashboard and alerts names measures that /metrics has, and labels that they have', async () => {
  const port = await freePort(0);
  const world = await startWorld({ env: { METRICS_PORT: String(port) } });
  const texts = await Promise.all(
    [`http://127.0.0.1:${port}`, world.workers!.url].map(async (url) =>
      (await fetch(`${url}/metrics`)).text(),
    ),
  );
  const served = new Set(
    [...texts.join('\n').matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name),
  );
  // Node's own measures are there in a process of its own.
  const { registry } = createMetrics({ process: true });
  for (const { name } of await registry.getMetricsAsJSON()) served.add(name);
  registry.clear();
  expect(ALL_EXPRESSIONS.length).toBeGreaterThan(25);
  for (const expression of ALL_EXPRESSIONS) {
    const names = expression.match(/\b(?:readdress|process|nodejs)_\w+/g) ?? [];
    expect(names.length, expression).toBeGreaterThan(0);
    for (const name of names)
      expect(served, expression).toContain(
        served.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, ''),
      );
  }
});

test('every alert has an entry in the runbook, and every entry an alert', () => {
  const alerts = [...ALERTS.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name]) => name!);
  const [, runbook = ''] = read('docs/operations.md').split('\n## Runbook\n');
  const entries = [...runbook.matchAll(/^### (Readdress\w+)$/gm)].map(([, name]) => name!);
  expect(alerts.length).toBeGreaterThan(10);
  expect(entries.toSorted()).toEqual(alerts.toSorted());
  for (const name of alerts) expect(ALERTS).toContain(`docs/operations.md#${name.toLowerCase()}`);
});

test('what is imported into a tenant unbinds no Action, and Terraform adds one to the login flow', () => {
  expect(read('auth0/tenant.yaml')).not.toMatch(/^triggers:/m);
  const plan = read('auth0/main.tf')
    .replaceAll(/#.*$/gm, '')
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  expect(plan.split('{').length).toBe(plan.split('}').length);
  expect(plan).not.toMatch(/auth0_trigger_actions\b/);
  expect(read('auth0/main.tf')).toContain('resource "auth0_trigger_action" "login_evidence"');
  for (const [, file] of read('auth0/main.tf').matchAll(/path\.module\}\/([\w./-]+)/g))
    expect(read(`auth0/${file}`).length).toBeGreaterThan(100);
});

test('each systemd unit runs an entry that a build makes, gives up on wrong settings alone, and outlasts the grace', () => {
  const config = read('tsconfig.build.json');
  for (const [unit, entry] of [
    ['readdress-api', 'src/server'],
    ['readdress-workers', 'workers/main'],
  ] as const) {
    const text = read(`deploy/systemd/${unit}.service`);
    expect(text).toContain(`ExecStart=/usr/bin/node dist/${entry}.js\n`);
    expect(read(`${entry}.ts`).length).toBeGreaterThan(0);
    expect(config).toContain(`"${entry.split('/')[0]}"`);
    expect(text).toContain(`RestartPreventExitStatus=${EX_CONFIG}\n`);
    expect(Number(/TimeoutStopSec=(\d+)/.exec(text)![1])).toBeGreaterThan(20);
    for (const line of [
      'User=readdress',
      'ProtectSystem=strict',
      'NoNewPrivileges=yes',
      'CapabilityBoundingSet=',
    ])
      expect(text).toContain(`${line}\n`);
    // No process is given the other's secrets.
    expect([...text.matchAll(/^EnvironmentFile=(.*)$/gm)].map(([, file]) => file)).toEqual([
      '/etc/readdress/shared.env',
      `/etc/readdress/${unit.replace('readdress-', '')}.env`,
    ]);
  }
});
