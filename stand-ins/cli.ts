#!/usr/bin/env node
/** `npx auth0-stand-in`: a tenant to point an app at, until it is ended. */
import { parseArgs } from 'node:util';
import { startTenant } from './tenant.ts';

const HELP = `auth0-stand-in: an Auth0 tenant for tests, on this machine alone

  --port <number>        default 4400; 0 for a free one
  --user <email[:password]>   as often as there are users; default ada@example.com:correct horse
  --callback <url>       an Allowed Callback URL; its origin is an Allowed Web Origin; may be repeated
  --audience <id>        the identifier of your API
  --scope <scope>        a scope of your API; may be repeated
  --action <name|file>   a post-login Action: login-evidence, second-factor, or a file of yours; may be repeated
  --json                 prints what to configure as one line of JSON
`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '4400' },
    user: { type: 'string', multiple: true, default: ['ada@example.com:correct horse'] },
    callback: { type: 'string', multiple: true, default: [] },
    audience: { type: 'string' },
    scope: { type: 'string', multiple: true },
    action: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else await run();

async function run(): Promise<void> {
  const { callback, audience, scope, action } = values;
  const tenant = await startTenant({
    port: Number(values.port),
    ...(audience === undefined ? {} : { audience }),
    ...(scope === undefined ? {} : { scopes: scope }),
    actions: action.map((name) =>
      name === 'login-evidence' || name === 'second-factor'
        ? name
        : new URL(name, `file://${process.cwd()}/`),
    ),
    spa: {
      redirectUris: callback,
      logoutUris: callback,
      webOrigins: callback.map((url) => new URL(url).origin),
    },
    users: values.user.map((text) => {
      const [email = '', ...password] = text.split(':');
      return { email, email_verified: true, password: password.join(':') || 'correct horse' };
    }),
  });
  const told = {
    url: tenant.url,
    domain: tenant.domain,
    issuer: tenant.issuer,
    audience: tenant.audience,
    spaClientId: tenant.spaClientId,
    clientId: tenant.clientId,
    clientSecret: tenant.clientSecret,
  };
  process.stdout.write(
    values.json
      ? `${JSON.stringify(told)}\n`
      : Object.entries(told)
          .map(([name, value]) => `${name.padEnd(14)}${value}\n`)
          .join(''),
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void tenant.close().then(() => process.exit(0)));
}
