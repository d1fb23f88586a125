/** The steps that the stories are made of: what people, apps and mailboxes do, over the wire alone. */
import { expect } from 'vitest';
import type { InboxMessage } from '../../stand-ins/inbox/messages.ts';
import type { Purpose } from '../../src/domain/email-change.ts';
import type { Template } from '../../src/domain/mails.ts';
import { message, type MessageKey } from '../../src/locales/messages.ts';
import { createBrowser, REDIRECT_URI, type Tokens } from '../stand-ins/tenant/browser.ts';
import { submit } from '../support/wire.ts';
import { eventually, tokenIn, type Answer, type World } from '../support/world.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A user of the tenant, and where their mail goes now. */
export type Person = { sub: string; email: string };
/** One email change as the app that asked for it sees it. */
export type Change = { id: string; sub: string; from: string; to: string; token: string };

const PASSWORD = 'correct horse';

export function addPerson(world: World, email = 'ada@old.example'): Person {
  const { user_id: sub } = world.tenant.addUser({ email, password: PASSWORD });
  return { sub, email };
}

/** Signs in at the tenant as an app does, and stays signed in. */
export async function signIn(world: World, email: string, password = PASSWORD): Promise<Tokens> {
  world.tenant.configureSpa({ redirectUris: [REDIRECT_URI] });
  const scope = 'openid email change:email offline_access';
  return createBrowser(world.tenant).logIn({ email, password }, { scope });
}

/** Asks with a login of just now; `claims` are evidence in the access token. */
export async function tryToAsk(
  world: World,
  person: Person,
  to: string,
  claims: object = {},
): Promise<Answer & { token: string }> {
  const token = await world.token(person.sub, {
    claims: { 'https://readdress/auth_time': Math.floor(world.now() / 1000), ...claims },
  });
  const answer = await world.call('POST', '/v1/email-changes', { token, body: { email: to } });
  return { ...answer, token };
}

export async function ask(
  world: World,
  person: Person,
  to: string,
  claims: object = {},
): Promise<Change> {
  const { token, ...answer } = await tryToAsk(world, person, to, claims);
  expect(answer).toMatchObject({ status: 202 });
  return { id: answer.body.id, sub: person.sub, from: person.email, to, token };
}

/** The change as its owner sees it. */
export const view = async (world: World, { id, token }: Change): Promise<Answer['body']> =>
  (await world.call('GET', `/v1/email-changes/${id}`, { token })).body;

/** Waits until its owner sees this of the change. */
export const until = (world: World, change: Change, fields: object, ms?: number) =>
  eventually(
    async () => {
      const body = await view(world, change);
      const seen = Object.entries(fields).every(([name, value]) => body[name] === value);
      return seen && body;
    },
    `${JSON.stringify(fields)} of ${change.id}`,
    ms,
  );

/** The nth mail of a template about a change, there or to come. */
export function mail(
  world: World,
  { id }: { id: string },
  template: Template,
  n = 1,
): Promise<InboxMessage> {
  const prefix = `<${id}.mail.${template}`;
  const isOurs = (each: InboxMessage) =>
    each.messageId.startsWith(`${prefix}.`) || each.messageId.startsWith(`${prefix}@`);
  return eventually(
    () => world.inbox.messages.filter(isOurs)[n - 1],
    `mail ${template} ${n} of ${id}`,
  );
}

/** The mails about a change so far, as `template → recipient`. */
export const mailsOf = (world: World, { id }: { id: string }): string[] =>
  world.inbox.messages
    .filter(({ messageId }) => messageId.startsWith(`<${id}.`))
    .map(({ messageId, to }) => `${/\.mail\.([a-z]+)/.exec(messageId)?.[1]} → ${to.join()}`)
    .toSorted();

/** The token of a link in a mail about a change. */
export const linkIn = async (
  world: World,
  change: { id: string },
  template: Template,
  purpose: Purpose,
  n = 1,
): Promise<string> => tokenIn((await mail(world, change, template, n)).text, purpose);

/** Uses a link over JSON, as a native app or an SPA's own page does. */
export const use = (world: World, purpose: Purpose, token: string): Promise<Answer> =>
  world.call('POST', `/v1/${purpose}`, { body: { token } });

export const inspect = (world: World, token: string): Promise<Answer> =>
  world.call('POST', '/v1/links/inspect', { body: { token } });

/** Presses the button of the link's page: the form, the redirect, and the page it leads to. */
export async function press(
  world: World,
  purpose: Purpose,
  token: string,
): Promise<() => Promise<string>> {
  const pressed = await submit(world, `/${purpose}`, token);
  expect(pressed).toMatchObject({ status: 303 });
  const result = new URL(pressed.headers.location!, world.api);
  return async () => oneLine(await (await fetch(result)).text());
}

/** What the catalogue says, as a reader of a page or mail sees it. */
export const words = (key: MessageKey): string =>
  message('en', key, { brand: 'Acme', span: '10 minutes' });
export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** From the request to the committed change. */
export async function change(
  world: World,
  person: Person,
  to: string,
  claims: object = {},
): Promise<Change> {
  const asked = await ask(world, person, to, claims);
  const link = await linkIn(world, asked, 'confirm', 'confirm');
  // After the commit there would be nothing to cancel, and no notice of it.
  await mail(world, asked, 'notice');
  await use(world, 'confirm', link);
  await until(world, asked, { status: 'committed' });
  return asked;
}

/** The user's calls at the Management API, as `METHOD what status`. */
export const managementCalls = (world: World, sub: string): string[] =>
  world.tenant.calls
    .filter(({ userId }) => userId === sub)
    .map(
      ({ method, path, status }) =>
        `${method} ${path.split('/').at(-1)!.replace(sub, 'user')} ${status}`,
    );
