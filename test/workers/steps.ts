/** The steps of a story as the workers' tests walk it, and what can be seen of it from outside. */
import { onTestFinished } from 'vitest';
import type { Call } from '../../stand-ins/tenant/calls.ts';
import type { NewUser } from '../../stand-ins/tenant/users.ts';
import { readBothConfigs } from '../../src/config.ts';
import type { EmailChange } from '../../src/domain/email-change.ts';
import { message, type MessageKey } from '../../src/locales/messages.ts';
import { createClock } from '../../src/clock.ts';
import { createSealer } from '../../src/seal.ts';
import { createChangeStore } from '../../src/store/changes.ts';
import type { Lane } from '../../src/store/lanes.ts';
import type { Claim } from '../../src/store/outbox.ts';
import { startWorkers, type RunningWorkers } from '../../workers/start-workers.ts';
import { eventually, TICK_MS, tokenIn, type LogLine, type World } from '../support/world.ts';

export const OLD = 'ada@example.com';
export const NEW = 'ada@example.org';
export const MAILS_OF_A_COMMIT = [
  `changed → ${OLD}`,
  `confirm → ${NEW}`,
  `done → ${NEW}`,
  `notice → ${OLD}`,
];

/** A user who asked for an address: who, with which access token, and which change. */
export type Asked = { sub: string; token: string; id: string; from: string; to: string };
export type Invited = Asked & { link: string };

export async function ask(
  world: World,
  { to = NEW, sub, ...user }: Partial<NewUser> & { to?: string; sub?: string } = {},
): Promise<Asked> {
  const account =
    sub === undefined ? world.tenant.addUser({ email: OLD, ...user }) : world.tenant.user(sub);
  const token = await world.token(account.user_id);
  const { status, body } = await world.call('POST', '/v1/email-changes', {
    token,
    body: { email: to },
  });
  if (status !== 202) throw new Error(`not accepted: ${status} ${JSON.stringify(body)}`);
  return { sub: account.user_id, token, id: body.id, from: account.email ?? '', to };
}

export async function invite(world: World, wish: Parameters<typeof ask>[1] = {}): Promise<Invited> {
  const asked = await ask(world, wish);
  return { ...asked, link: await linkIn(world, asked) };
}

/** The link of the newest mail to the new address that asks for a confirmation. */
async function linkIn(world: World, { to, id }: Asked): Promise<string> {
  const mail = await world.inbox.waitFor(
    ({ messageId, to: [recipient] }) =>
      recipient === to && messageId.startsWith(`<${id}.mail.confirm.`),
    15_000,
  );
  return tokenIn(mail.text, 'confirm');
}

/** Presses the button behind a link; the answer is the recorded outcome. */
export const click = (world: World, link: string, purpose = 'confirm') =>
  world.call('POST', `/v1/${purpose}`, { body: { token: link } });

/** From the request to the click. */
async function confirm(world: World, wish: Parameters<typeof ask>[1] = {}): Promise<Invited> {
  const invited = await invite(world, wish);
  await click(world, invited.link);
  return invited;
}

/** Waits until a change has this status, as its owner sees it. */
export const untilStatus = (world: World, { token, id }: Asked, status: string, ms = 8000) =>
  eventually(
    async () => {
      const { body } = await world.call('GET', `/v1/email-changes/${id}`, { token });
      return body.status === status && body;
    },
    `status ${status} of ${id}`,
    ms,
  );

export async function commit(world: World, wish: Parameters<typeof ask>[1] = {}): Promise<Invited> {
  const invited = await confirm(world, wish);
  await untilStatus(world, invited, 'committed');
  return invited;
}

/** One more worker process of the same deployment. */
export async function startDeployment(
  world: World,
  env: Record<string, string> = {},
): Promise<RunningWorkers> {
  const { workers } = readBothConfigs({ ...world.env, ...env });
  const logTo = { write: (line: string) => void world.logs.push(JSON.parse(line) as LogLine) };
  const running = await startWorkers(workers, {
    now: () => world.now(),
    logTo,
    tickMs: TICK_MS,
  });
  onTestFinished(() => running.close());
  return running;
}

/** The record as it is stored, opened with the world's key. */
export async function recordOf(world: World, id: string): Promise<EmailChange> {
  const found = await storeOf(world).findChange(id);
  if (!found) throw new Error(`no record of ${id}`);
  return found.value;
}

/** A door of our own to the world's store. */
export const storeOf = (world: World) =>
  createChangeStore(world.redis, sealerOf(world), world.prefix, {
    events: false,
    auditLength: 0,
    clock: createClock(() => world.now()),
  });

/** Takes the next due task of a lane, as a worker of this name would. */
export async function claimOne(
  world: World,
  lane: Lane,
  holder: string,
): Promise<Claim | undefined> {
  const { tasks } = await storeOf(world).claim(lane, 1, 25_000, holder, false);
  return tasks[0]?.claim;
}

export const sealerOf = (world: World) =>
  createSealer(
    world.env['SEALING_KEYS']!.split(',').map((key) => Buffer.from(key, 'base64')),
    (bytes) => crypto.getRandomValues(Buffer.alloc(bytes)),
  );

/** All tasks are done, but those of a later day; and nobody holds a lease. */
export const untilDrained = (world: World, ms = 8000) =>
  eventually(
    async () => {
      const due = await world.redis.zrangebyscore(`${world.prefix}:due`, '-inf', world.now());
      return due.length === 0 && (await world.redis.hlen(`${world.prefix}:leases`)) === 0;
    },
    'all tasks done',
    ms,
  );

/** The mails of a change so far, as `template → recipient`, in the order of the alphabet. */
export const mailsOf = (world: World, { id }: { id: string }): string[] =>
  world.inbox.messages
    .filter(({ messageId }) => messageId.startsWith(`<${id}.`))
    .map(({ messageId, to }) => `${/\.mail\.([a-z]+)/.exec(messageId)?.[1]} → ${to.join()}`)
    .toSorted();

export const untilMails = (world: World, change: { id: string }, count: number) =>
  eventually(() => mailsOf(world, change).length >= count && mailsOf(world, change), 'the mails');

/** The calls of the Management API about one user, as `METHOD status`. */
export const callsAbout = (world: World, sub: string): string[] =>
  managementCalls(world)
    .filter(({ userId }) => userId === sub)
    .map(({ method, status }) => `${method} ${status}`);

export const managementCalls = (world: World): Call[] =>
  world.tenant.calls.filter(({ path }) => path.startsWith('/api/v2/'));

export const effectivePatches = (world: World, sub?: string): Call[] =>
  world.tenant.patches(sub).filter(({ effective }) => effective);

/** What the catalog says, in one line as a reader sees it. */
export const words = (key: MessageKey): string => message('en', key, { brand: 'Acme' });
export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** A promise that the test settles. */
export function gate(): { shut: Promise<void>; open: () => void } {
  let open = () => {};
  const shut = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { shut, open };
}
