/** `readdress setup`: what Readdress needs at an Auth0 tenant, by the Management API. Says first, asks, and adds only. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError } from '../src/config.ts';
import { placeholdersIn } from '../src/config-checks.ts';
import { api as apiSchema, shared } from '../src/config-schema.ts';
import type { Command, Shell } from './command.ts';
import { openManagement, Refused } from './setup/management.ts';
import { planSetup, type Made, type Step, type Wish } from './setup/steps.ts';

const NEEDED = z.object({
  AUTH0_DOMAIN: shared.shape.AUTH0_DOMAIN,
  AUTH0_BASE_URL: shared.shape.AUTH0_BASE_URL,
  AUTH0_AUDIENCE: apiSchema.shape.AUTH0_AUDIENCE,
  REQUIRED_SCOPE: apiSchema.shape.REQUIRED_SCOPE,
});

export const setup: Command = {
  usage: 'setup',
  about: 'checks and adds what is needed at the tenant: API, application, grants, Action, binding',
  takes: [0, 0],
  options: {
    yes: { type: 'boolean' },
    app: { type: 'string', multiple: true },
    env: { type: 'string' },
    'without-sessions': { type: 'boolean' },
  },
  more: `Without --yes, and where nobody sits to be asked, it says what is missing and changes nothing. Nothing that is there is
replaced. AUTH0_SETUP_TOKEN: a Management API token that may read and create resource servers, clients, client grants
and actions (Dashboard: Applications, APIs, Auth0 Management API, API Explorer). Reads AUTH0_DOMAIN and AUTH0_AUDIENCE.
--app <client id>: an app whose users may change their address (repeatable). --env <file>: where the id and secret of a
new application are written; they are not printed. --without-sessions: leaves out what works on Enterprise plans only.`,
  async run({ shell, flags, item, tell, fail, agrees }) {
    const token = shell.env['AUTH0_SETUP_TOKEN'];
    const { base, ...wish } = wishOf(shell, flags);
    if (!token) return fail('AUTH0_SETUP_TOKEN is not set: see readdress setup --help');
    const made: Made = {};
    try {
      const steps = await planSetup(openManagement(base, token), wish, made);
      for (const step of steps) tell(lineOf(step));
      const missing = steps.filter((step) => step.state === 'missing');
      const differs = steps.filter((step) => step.state === 'differs').length;
      const end = (done: number) => {
        const left = missing.length - done;
        item({
          missing: left,
          differs,
          done,
          ...(made.clientId ? { clientId: made.clientId } : {}),
        });
        return differs > 0 ? fail('something is otherwise than it is needed: see above') : 0;
      };
      if (missing.length === 0) return end(0);
      if (!(await agrees(`Add these ${missing.length} to ${wish.domain}?`, false))) {
        tell('Nothing was changed: --yes adds what is missing.');
        return end(0);
      }
      for (const step of missing) {
        await step.add();
        tell(`added    ${step.what}`);
        if (made.clientSecret) keepSecret(made, flags['env'], tell);
      }
      return end(missing.length);
    } catch (error) {
      if (error instanceof Refused) return fail(error.message);
      throw error;
    }
  },
};

function wishOf({ env }: Shell, flags: Readonly<Record<string, unknown>>): Wish & { base: string } {
  const names = Object.keys(NEEDED.shape);
  const values = Object.fromEntries(
    names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  );
  const read = NEEDED.safeParse(values);
  const problems = [
    ...placeholdersIn(values),
    ...(read.error?.issues ?? []).map(({ path, message }) => {
      const name = String(path[0]);
      return `${name}: ${name in values ? message : 'is required'}`;
    }),
  ];
  if (!read.success || problems.length > 0) throw new ConfigError(problems);
  const { AUTH0_DOMAIN: domain, AUTH0_BASE_URL: base, AUTH0_AUDIENCE: audience } = read.data;
  return {
    domain,
    base: (base?.href ?? `https://${domain}`).replace(/\/+$/, ''),
    audience,
    scope: read.data.REQUIRED_SCOPE,
    clientId: env['AUTH0_CLIENT_ID'] || undefined,
    apps: [flags['app'] ?? []].flat().map(String),
    endsSessions: flags['without-sessions'] !== true,
  };
}

const lineOf = (step: Step): string => {
  const why = step.state === 'differs' ? `: ${step.why}` : '';
  return `${step.state.padEnd(8)} ${step.what}${why}`;
};

/** The tenant shows a secret once; it goes into a file that only its owner reads, or is left to the dashboard. */
function keepSecret(made: Made, file: unknown, tell: (text: string) => void): void {
  const lines = `AUTH0_CLIENT_ID=${made.clientId}\nAUTH0_CLIENT_SECRET=${made.clientSecret}\n`;
  delete made.clientSecret;
  if (typeof file !== 'string')
    return tell(
      'Copy id and secret from the dashboard: Applications, Readdress workers, Settings.',
    );
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const rest = before.replaceAll(/^AUTH0_CLIENT_(?:ID|SECRET)=\n/gm, '');
  writeFileSync(file, `${rest}${rest === '' || rest.endsWith('\n') ? '' : '\n'}${lines}`, {
    mode: 0o600,
  });
  chmodSync(file, 0o600);
  tell(`AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET are in ${file}.`);
}
