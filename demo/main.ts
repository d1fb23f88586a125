/**
 * `npm run demo`: the whole story on one machine. A stand-in Auth0 tenant, an inbox, a private
 * Redis, the API and the workers, and a walk through it all to paste into another terminal.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { readBothConfigs } from '../src/config.ts';
import { closeOnExit } from '../src/process/exit.ts';
import { startApi } from '../src/process/start-api.ts';
import { startWorkers } from '../workers/start-workers.ts';
import { ownApp, settingsFor } from './app.ts';
import { startDesk } from './desk.ts';
import { SUPPORT_SCOPE } from './desk/support.ts';
import { startInbox } from '../stand-ins/inbox.ts';
import { freePort } from './ports.ts';
import { startRedis } from './redis.ts';
import { startTenant } from '../stand-ins/tenant.ts';
import { printWelcome } from './welcome.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const app = ownApp(process.argv.slice(2), process.env['DEMO_APP']);
const closers: (() => Promise<unknown>)[] = [];
let isEnding = false;
// First of all, so that a Ctrl-C in the middle of the start ends what has begun.
closeOnExit(15_000, async (error) => {
  isEnding = true;
  if (error) say(`The demo broke: ${error.stack ?? error.message}`);
  say('\nEnding everything …');
  for (const close of closers.toReversed()) await close();
  say('Nothing is left behind.');
});

/** Starts one part of the demo, to be ended with it: at once when it comes up too late. */
async function begin<T>(start: () => Promise<T>, end: (part: T) => Promise<unknown>): Promise<T> {
  if (isEnding) await never;
  const starting = start();
  closers.push(async () => end(await starting));
  const part = await starting.catch((error: unknown) => {
    closers.pop(); // What never came up needs no end.
    throw error;
  });
  if (isEnding) await never;
  return part;
}
const never = new Promise<never>(() => {});

// Not by `begin`: it may have to install one first, and whenever we exit it goes with us.
const redis = await startRedis({ say });
closers.push(() => redis.stop());
const [apiPort, tenantPort, deskPort, inboxPort] = [
  await freePort(3000),
  await freePort(4400),
  await freePort(4401),
  await freePort(8025),
];
const desk = `http://localhost:${deskPort}`;
const tenant = await begin(
  () =>
    startTenant({
      port: tenantPort,
      actions: ['login-evidence'],
      spa: {
        redirectUris: [`${desk}/`, ...(app?.urls ?? [])],
        logoutUris: [`${desk}/`, ...(app?.urls ?? [])],
        webOrigins: [desk, ...(app ? [app.origin] : [])],
      },
    }),
  (part) => part.close(),
);
const ada = tenant.addUser({
  email: 'ada@example.com',
  password: 'correct horse',
  email_verified: true,
});
const inbox = await begin(
  () => startInbox({ httpPort: inboxPort }),
  (part) => part.close(),
);
await begin(
  () =>
    startDesk({
      tenant,
      inbox,
      api: `http://localhost:${apiPort}`,
      sub: ada.user_id,
      port: deskPort,
    }),
  (close) => close(),
);

const config = readBothConfigs({
  REDIS_URL: redis.url,
  SEALING_KEYS: randomBytes(32).toString('base64'),
  AUTH0_DOMAIN: tenant.domain,
  AUTH0_BASE_URL: tenant.url,
  AUTH0_AUDIENCE: tenant.audience,
  AUTH0_CLIENT_ID: tenant.clientId,
  AUTH0_CLIENT_SECRET: tenant.clientSecret,
  SMTP_URL: inbox.smtpUrl,
  MAIL_FROM: 'Acme <no-reply@acme.example>',
  BRAND_NAME: 'Acme',
  PUBLIC_URL: `http://localhost:${apiPort}`,
  PORT: String(apiPort),
  WORKER_PORT: '0',
  CORS_ORIGINS: [desk, ...(app ? [app.origin] : [])].join(','),
  RETURN_URLS: [`${desk}/`, ...(app?.urls ?? [])].join(','),
  SUPPORT_SCOPE,
  RESEND_AFTER: '10s',
  LIMIT_USER: '100/1h',
  LIMIT_ADDRESS: '100/24h',
  LIMIT_ADDRESS_FIRST: '100/24h',
  LIMIT_USER_MAILS: '300/24h',
  ...inherited('CONFIRMATION', 'LINK_STYLE', 'LINK_TTL', 'UNDO_WINDOW', 'MAX_AUTH_AGE'),
});
const logTo = { write: tell };
closers.push(() => forgetDemo(redis.url, `readdress:{${config.api.tenant}}`));
await begin(
  () => startWorkers(config.workers, { logTo }),
  (part) => part.close(),
);
await begin(
  () => startApi(config.api, { logTo }),
  (part) => part.close(),
);

const api = config.api.publicUrl;
printWelcome(say, { api, desk, tenant: tenant.url, inbox: inbox.url });
if (app) {
  const { url, spaClientId: clientId, audience } = tenant;
  say(settingsFor(app, { tenant: url, clientId, audience, api }));
}

/** Settings that are worth playing with from the command line. */
function inherited(...names: string[]): Record<string, string> {
  const given = names.map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(given.filter((pair): pair is [string, string] => Boolean(pair[1])));
}

/** Of the log, what the story is about, and what went wrong. */
function tell(line: string): void {
  const { event, level, role, change, reason, ...rest } = JSON.parse(line) as Record<
    string,
    string
  >;
  if (event?.startsWith('email_change.'))
    say(`  ● ${event.slice('email_change.'.length)}${reason ? ` (${reason})` : ''}  ${change}`);
  else if ((level === 'error' || level === 'fatal') && event)
    say(`  ! ${role} ${event} ${JSON.stringify(rest)}`);
}

/** The Redis may be the user's own: take away what the demo put there. */
async function forgetDemo(url: string, prefix: string): Promise<void> {
  const client = new Redis(url);
  for await (const keys of client.scanStream({ match: `${prefix}*`, count: 500 }))
    if (Array.isArray(keys) && keys.length > 0) await client.del(...keys.map(String));
  client.disconnect();
}
