/**
 * Races over HTTP, with the real workers and mailboxes. Whatever comes first: a token commits the
 * address it was delivered to and no other, and nobody is told anything that does not come true.
 */
import { describe, expect, test } from 'vitest';
import { ask, askAndReadMail, confirm, newUser, type Mailed } from '../support/wire.ts';
import { eventually, startWorld, tokenIn, type Answer, type World } from '../support/world.ts';

const MINUTE = 60_000;
const fastWorld = () =>
  startWorld({
    tenant: { rateLimit: { burst: 10_000, perSecond: 10_000 } },
    env: { AUTH0_RATE: '1000', LOG_LEVEL: 'info' },
  });

const CLOSED = ['superseded', 'canceled', 'expired', 'rejected', 'committed', 'undone'];
const currentOf = async (world: World, token: string, id = 'current') =>
  (await world.call('GET', `/v1/email-changes/${id}`, { token })).body;

/** Races are found among the first; the longer run is that of `npm run test:properties`. */
const RACES = Number(process.env['RACES'] ?? 60);

test(
  `of ${RACES} pairs of requests at once every delivered token commits exactly the address it was delivered to`,
  { timeout: 90_000 },
  async () => {
    const world = await fastWorld();
    const race = async (i: number) => {
      const user = await newUser(world);
      const addresses = [`a${i}@example.org`, `b${i}@example.net`] as const;
      const asked = await Promise.all(addresses.map((email) => ask(world, user.token, email)));
      expect(asked.map(({ status }) => status)).toEqual([202, 202]);
      const current = await currentOf(world, user.token);
      await world.inbox.waitFor({ to: current.email }, 45_000);

      // Whatever was delivered is pressed, in its own mailbox, and all at once.
      const pressed = await Promise.all(
        addresses.flatMap((address) =>
          world.inbox.to(address).map(async ({ text }) => {
            const token = tokenIn(text, 'confirm');
            const [seen, clicked] = await Promise.all([
              world.call('POST', '/v1/links/inspect', { body: { token } }),
              confirm(world, token),
            ]);
            expect(seen.body.email).toBe(address);
            return { address, status: clicked.body.status as string };
          }),
        ),
      );
      const won = pressed.filter(({ status }) => status === 'confirmed' || status === 'committed');
      expect(won.map(({ address }) => address)).toEqual([current.email]);
      for (const lost of pressed.filter((one) => !won.includes(one)))
        expect(lost.status).toBe('superseded');
      await eventually(
        async () => (await currentOf(world, user.token)).status === 'committed',
        'the commit',
        60_000,
      );
      expect(world.tenant.patches(user.sub).map(({ body }) => body)).toMatchObject([
        { email: current.email },
      ]);
      expect(world.tenant.user(user.sub).email).toBe(current.email);
    };
    // Twenty users at a time: all at once they would wait for the machine, and not for each other.
    const users = Array.from({ length: RACES }, (_, i) => i);
    const story = async (): Promise<void> => {
      for (let i = users.pop(); i !== undefined; i = users.pop()) await race(i);
    };
    await Promise.all(Array.from({ length: 20 }, story));
    expect(world.tenant.patches()).toHaveLength(RACES);
  },
);

type User = { sub: string; token: string; email: string };
type Told = { verb: Verb; answer: Answer };
type Verb = keyof typeof VERBS;

/** What can happen to a pending change; `expire` moves the clock of the whole world. */
const VERBS = {
  confirm: (world: World, _user: User, { confirm: token }: Mailed) => confirm(world, token),
  cancel: (world: World, _user: User, { cancel: token }: Mailed) =>
    world.call('POST', '/v1/cancel', { body: { token } }),
  withdraw: (world: World, { token }: User, { id }: Mailed) =>
    world.call('DELETE', `/v1/email-changes/${id}`, { token }),
  supersede: (world: World, { token, email }: User) => ask(world, token, `other-${email}`),
  resend: (world: World, { token }: User, { id }: Mailed) =>
    world.call('POST', `/v1/email-changes/${id}/resend`, { token }),
};

const PAIRS: [Verb | 'expire', Verb][] = [
  ['confirm', 'cancel'],
  ['confirm', 'withdraw'],
  ['confirm', 'supersede'],
  ['confirm', 'resend'],
  ['cancel', 'supersede'],
  ['cancel', 'resend'],
  ['supersede', 'resend'],
  ['supersede', 'supersede'],
  ['expire', 'confirm'],
  ['expire', 'cancel'],
  ['expire', 'supersede'],
  ['expire', 'resend'],
];

describe('a pending change that is met at once by', () => {
  const USERS = 12;

  test.each(PAIRS)(
    '%s and %s ends as everybody was told',
    { timeout: 60_000 },
    async (one, other) => {
      const world = await fastWorld();
      const stories = await Promise.all(
        Array.from({ length: USERS }, async (_, i) => {
          const user = await newUser(world);
          return {
            user,
            change: await askAndReadMail(world, user, `${one}-${other}-${i}@example.org`),
          };
        }),
      );
      // Past the cooldown, and short of the end of the links.
      world.pass(one === 'expire' ? 60 * MINUTE - 2000 : 2 * MINUTE);
      for (const { user } of stories) user.token = await world.token(user.sub);

      const told: Promise<Told[]>[] = stories.map(async ({ user, change }, i) => {
        const verbs = [one, other].filter((verb) => verb !== 'expire');
        const act = async (verb: Verb): Promise<Told> => ({
          verb,
          answer: await VERBS[verb](world, user, change),
        });
        // Each order first as often, and some a little later than the others.
        if (one === 'expire') await new Promise((resolve) => setTimeout(resolve, i * 3));
        return Promise.all((i % 2 ? verbs : verbs.toReversed()).map(act));
      });
      if (one === 'expire') {
        await new Promise((resolve) => setTimeout(resolve, USERS));
        world.pass(4000);
      }
      const answers = await Promise.all(told);
      await Promise.all(
        stories.map(({ user, change }, i) => expectTruth(world, user, change, answers[i]!)),
      );
    },
  );
});

/** Follows one story to its end, and holds everything that was said against it. */
async function expectTruth(world: World, user: User, change: Mailed, told: Told[]): Promise<void> {
  // A change that is still open goes on as its newest link says.
  const now = await currentOf(world, user.token, change.id);
  if (now.status === 'pending') {
    const mail = await world.inbox.waitFor(
      ({ to, messageId }) =>
        to.includes(change.email) && messageId.startsWith(`<${change.id}.mail.confirm.2`),
      15_000,
    );
    await confirm(world, tokenIn(mail.text, 'confirm'));
  }
  const end = await eventually(async () => {
    const { status } = await currentOf(world, user.token, change.id);
    return CLOSED.includes(status) && (status as string);
  }, 'the end');
  const again = { verb: 'confirm', answer: await confirm(world, change.confirm) } as const;

  expect(lies([...told, again], change.id, end)).toEqual([]);
  expect(world.tenant.patches(user.sub)).toHaveLength(end === 'committed' ? 1 : 0);
  expect(world.tenant.user(user.sub).email).toBe(end === 'committed' ? change.email : user.email);
  // Whoever replaced it is the one that is open, and the only one.
  const newer = told.filter(({ verb, answer }) => verb === 'supersede' && answer.status === 202);
  const all = await Promise.all(
    newer.map(({ answer }) => currentOf(world, user.token, answer.body.id)),
  );
  expect(new Set(all.map(({ status }) => status)).has('pending')).toBe(newer.length > 0);
  expect(new Set(all.filter(({ status }) => status === 'pending').map(({ id }) => id)).size).toBe(
    Math.min(newer.length, 1),
  );
}

/** What each answer allows the end to be. */
function allowedBy({ verb, answer: { status, body } }: Told, id: string): string[] {
  // No promise: the link was replaced, or it was too soon.
  if (body?.code === 'invalid-link' || body?.code === 'too-many-requests') return CLOSED;
  if (body?.code === 'commit-in-progress' || body?.code === 'already-committed')
    return ['committed'];
  if (status === 204) return ['canceled'];
  if (status >= 300) return [];
  if (verb === 'supersede')
    return body.id === id ? [] : ['superseded', 'canceled', 'expired', 'committed'];
  if (CLOSED.includes(body.status)) return [body.status];
  if (body.status === 'confirmed') return ['committed', 'canceled'];
  return CLOSED;
}

const lies = (told: Told[], id: string, end: string): string[] =>
  told
    .filter((each) => !allowedBy(each, id).includes(end))
    .map(({ verb, answer }) => `${verb} was told ${answer.status} ${answer.text}, then: ${end}`);
