/**
 * How many mails one mailbox gets and one user causes, over all processes (docs/decisions/0007-limits.md).
 * The first mail of a user to an address has a budget apart from all further ones, so that strangers
 * can hardly keep it from its owner. The door counts what a request causes before it decides; the workers
 * count what follows later, and hold back what would flood a mailbox.
 */
import type { Config } from '../config.ts';
import { hasStanding } from '../domain/account.ts';
import { awaiting, type EmailChange } from '../domain/email-change.ts';
import { foldMailbox } from '../domain/mailbox.ts';
import type { Postage } from '../domain/request.ts';
import { envelopeAddress } from '../mail/envelope.ts';
import type { Sealer } from '../seal.ts';
import { createSharedLimiter, type Share } from './limits.ts';
import type { RedisClient } from './redis.ts';

/** What a request or resend is about to cause. `own`: the open change whose mails would be repeated. */
export type Wish = {
  sub: string;
  email: string;
  own: EmailChange | undefined;
  latest: EmailChange | undefined;
};
/** `giveBack` undoes the counting, when it turns out that no mail is caused. */
type Weighed = { postage: Postage; giveBack: () => Promise<unknown> };

export type PostOffice = ReturnType<typeof createPostOffice>;

export function createPostOffice({ redis, prefix, sealer, config, now }: Surroundings) {
  const { mailLimits } = config;
  const limiter = (name: string, limit: typeof mailLimits.user) =>
    createSharedLimiter(redis, `${prefix}:limit-${name}`, limit);
  const firsts = limiter('first', mailLimits.first);
  const further = limiter('address', mailLimits.further);
  /** One user's mails to one mailbox: as many as a mailbox gets of further ones, and the user is told. */
  const pairs = limiter('pair', mailLimits.further);
  const users = limiter('user-mails', mailLimits.user);
  /** What a mailbox gets besides confirmations. These are the warnings, and nobody may drown them. */
  const mailboxes = limiter('mailbox', mailLimits.user);
  const informed = limiter('informed', { points: 1, windowMs: 24 * 3_600_000 });
  const strangers = limiter('stranger', mailLimits.first);

  const keyOf = (text: string): string => sealer.fingerprint(text, 'limit');
  const mailbox = (address: string): string => {
    const plain = envelopeAddress(address) ?? address;
    return config.foldAddresses ? foldMailbox(plain) : plain.toLowerCase();
  };
  const until = (share: Share): number => now() + share.resetMs;

  return {
    /** Counts the mails of a request or resend, and says which of them may go out. */
    async weigh({ sub, email, own, latest }: Wish): Promise<Weighed> {
      const asksNew = own?.agreed.new === undefined;
      const asked = own ? awaiting(own).length : 2;
      const user = keyOf(sub);
      const target = keyOf(mailbox(email));
      const pair = keyOf(`${sub}\n${mailbox(email)}`);
      const current = own && asksNew && asked === 1 ? undefined : currentOf(latest);

      const notices = current && (await mailboxes.see(keyOf(mailbox(current))));
      if (notices && !notices.allowed) return refusedUntil(until(notices));
      const mails = await users.take(user, asked);
      if (!mails.allowed) return refusedUntil(until(mails));
      const giveBackMails = () => users.giveBack(user, asked);
      if (!asksNew) return { postage: { muted: false }, giveBack: giveBackMails };

      const mine = await pairs.take(pair);
      if (!mine.allowed) {
        await giveBackMails();
        return refusedUntil(until(mine));
      }
      const isFirst = mine.remaining === mailLimits.further.points - 1 || own?.muted === true;
      const budget = isFirst ? firsts : further;
      const { allowed } = await budget.take(target);
      const giveBack = () =>
        Promise.all([giveBackMails(), pairs.giveBack(pair), allowed && budget.giveBack(target)]);
      if (allowed) {
        const paid = { first: Number(isFirst), more: Number(!isFirst) };
        return { postage: { muted: false, paid }, giveBack };
      }
      // The mails of others were too many: this user does not pay for that.
      await pairs.giveBack(pair);
      return { postage: { muted: true }, giveBack: giveBackMails };
    },

    /** Whoever clicked wanted the mails, so they do not count. */
    async forgive({ sub, email, paid }: EmailChange): Promise<void> {
      if (!paid) return;
      const target = keyOf(mailbox(email));
      await Promise.all([
        paid.first > 0 && firsts.giveBack(target, paid.first),
        paid.more > 0 && further.giveBack(target, paid.more),
        pairs.giveBack(keyOf(`${sub}\n${mailbox(email)}`), paid.first + paid.more),
      ]);
    },

    /** Milliseconds until the current mailbox may get a warning again; 0 = now. */
    async warnsInMs(address: string): Promise<number> {
      const share = await mailboxes.see(keyOf(mailbox(address)));
      return share.allowed ? 0 : Math.max(share.resetMs, 1);
    },

    /** Whether an unverified current mailbox may get its one mail of the day. */
    async mayInform(sub: string, address: string): Promise<boolean> {
      const day = keyOf(sub);
      if (!(await informed.take(day)).allowed) return false;
      if ((await strangers.take(keyOf(mailbox(address)))).allowed) return true;
      await informed.giveBack(day);
      return false;
    },

    /** A mail that is never muted, but counts. `counted`: the door has counted it for its user already. */
    async count(sub: string, address: string, counted: boolean): Promise<void> {
      await mailboxes.take(keyOf(mailbox(address)));
      if (!counted) await users.take(keyOf(sub));
    },
  };
}

type Surroundings = {
  redis: RedisClient;
  prefix: string;
  sealer: Sealer;
  config: Config;
  now: () => number;
};

const refusedUntil = (notBefore: number): Weighed => ({
  postage: { muted: false, notBefore },
  giveBack: async () => undefined,
});

/** The user's current address, as far as the newest change knows it. */
function currentOf(latest: EmailChange | undefined): string | undefined {
  if (latest?.status === 'committed') return latest.email;
  return hasStanding(latest?.account) ? latest?.account?.email : undefined;
}
