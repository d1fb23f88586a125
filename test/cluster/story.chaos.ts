/** The story, on a Cluster and under Sentinels, before, during and after a fail-over. */
import { randomBytes } from 'node:crypto';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startInbox } from '../../stand-ins/inbox.ts';
import { startTenant } from '../../stand-ins/tenant.ts';
import { startFleet } from '../chaos/deployment.ts';
import { callApi, eventually, tokenIn } from '../support/world.ts';
import { startCluster, startSentinels, type Nodes } from './nodes.ts';

const DOMAIN = 'nodes.test';
const PREFIX = `readdress:{${DOMAIN}}`;

async function startService(nodes: Nodes) {
  const [tenant, inbox] = await Promise.all([startTenant(), startInbox()]);
  const fleet = startFleet({
    dist: inject('dist'),
    apis: 2,
    workers: 2,
    secret: /@(?:old|new)\.example/,
    env: {
      REDIS_URL: nodes.url,
      SEALING_KEYS: randomBytes(32).toString('base64'),
      AUTH0_DOMAIN: DOMAIN,
      AUTH0_BASE_URL: tenant.url,
      AUTH0_AUDIENCE: tenant.audience,
      AUTH0_CLIENT_ID: tenant.clientId,
      AUTH0_CLIENT_SECRET: tenant.clientSecret,
      AUTH0_RATE: '50',
      SMTP_URL: inbox.smtpUrl,
      MAIL_FROM: 'no-reply@readdress.test',
      PUBLIC_URL: 'http://localhost:3999',
      UNDO_LOCK: '0s',
      LIMIT_IP: '1000000/1m',
      LIMIT_LINK: '1000000/1m',
    },
  });
  onTestFinished(async () => {
    await fleet.close();
    await Promise.all([tenant.close(), inbox.close()]);
  });
  await Promise.all(fleet.members.map((member) => member.untilReady(60_000)));
  const { user_id: sub } = tenant.addUser({ email: 'u0@old.example', email_verified: true });
  const token = () =>
    tenant.accessToken({
      sub,
      scope: 'change:email',
      claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) },
    });
  /** Until somebody answers with a 2xx: during a fail-over clients are told to come again. */
  const insist = (path: string, body: object, signedIn: boolean) =>
    eventually(
      async () => {
        const answer = await callApi(fleet.of('api')[0]!.url, 'POST', path, {
          body,
          ...(signedIn ? { token: await token() } : {}),
        });
        expect([200, 202, 409, 503]).toContain(answer.status);
        return answer.status < 300 && answer;
      },
      path,
      60_000,
    );
  const holds = (email: string) =>
    eventually(() => tenant.user(sub).email === email, `the account to hold ${email}`, 60_000);
  return {
    tenant,
    inbox,
    fleet,
    holds,
    async invited(email: string) {
      await insist('/v1/email-changes', { email }, true);
      const mail = await inbox.waitFor({ to: email }, 60_000);
      return tokenIn(mail.text, 'confirm');
    },
    click: (purpose: string, link: string) => insist(`/v1/${purpose}`, { token: link }, false),
    /** Mailed to the address that an account held before. */
    undoLink: async (previous: string) => {
      const isIt = (mail: { to: string[]; text: string }) =>
        mail.to.includes(previous) && mail.text.includes('/undo#');
      return tokenIn((await inbox.waitFor(isIt, 60_000)).text, 'undo');
    },
  };
}

test.each([
  ['six nodes of a Cluster', startCluster],
  ['three Sentinels', startSentinels],
] as const)(
  'on %s: the whole story, a fail-over in the middle of it, and the story again',
  async (_, start) => {
    const nodes = await start();
    const service = await startService(nodes);

    await service.click('confirm', await service.invited('u0.1@new.example'));
    await service.holds('u0.1@new.example');
    await service.click('undo', await service.undoLink('u0@old.example'));
    await service.holds('u0@old.example');

    // The click is acknowledged, and then the master is gone before anybody could act on it.
    const link = await service.invited('u0.2@new.example');
    await service.click('confirm', link);
    const killedAt = Date.now();
    await nodes.killMasterOf(PREFIX);
    await eventually(() => nodes.isWritable(PREFIX), 'a new master', 60_000);
    const writableAt = Date.now();
    // What the old master had not passed on is an open link again: then the click is made again.
    await service.click('confirm', link);
    const servedAt = Date.now();
    await service.holds('u0.2@new.example');
    const doneAt = Date.now();

    await service.click('confirm', await service.invited('u0.3@new.example'));
    await service.holds('u0.3@new.example');
    await service.click('undo', await service.undoLink('u0.2@new.example'));
    await service.holds('u0.2@new.example');

    const effective = service.tenant.patches().filter((patch) => patch.effective);
    expect(effective).toHaveLength(5);
    expect(service.fleet.leaks).toEqual([]);
    process.stderr.write(
      `fail-over: a new master after ${writableAt - killedAt} ms, served ${servedAt - writableAt} ms later, ` +
        `the click from before committed ${doneAt - killedAt} ms after the kill\n`,
    );
  },
);
