import { resend as resent } from '../src/domain/request.ts';
import { createPostOffice } from '../src/store/postage.ts';
import { isChangeId } from '../src/links.ts';
import { wrongUsage, type Command } from './command.ts';
import { withStore, written } from './with-store.ts';

/** What RESEND_AFTER is when nobody sets it; only the API knows what it is here. */
const RESEND_AFTER_MS = 60_000;

export const resend: Command = {
  usage: 'resend <id>',
  about: 'sends the mails of a pending change once more, within the limits of every mailbox',
  takes: [1, 1],
  run: withStore(async ({ deps, item, fail }, id = '') => {
    if (!isChangeId(id)) wrongUsage('needs the id of a change');
    const own = (await deps.changes.findChange(id))?.value;
    if (!own) return fail('there is no such change');
    if (own.status !== 'pending') return fail(`not possible: the change is ${own.status}`);
    const { sub, email } = own;
    const { postage, giveBack } = await createPostOffice(deps).weigh({
      sub,
      email,
      own,
      latest: own,
    });
    const timing = { linkTtlMs: deps.config.linkTtlMs, resendAfterMs: RESEND_AFTER_MS };
    const decided = await deps.changes.decide(
      id,
      (change) => resent(change, postage, timing, deps.now()),
      { cause: { actor: 'operator' } },
    );
    if (decided?.verdict.kind !== 'write') await giveBack();
    const change = decided ? written(deps, decided) : 'there is no such change';
    if (typeof change === 'string') return fail(change);
    if (postage.muted)
      return fail('not sent: the new mailbox had its share of mail (LIMIT_ADDRESS)');
    item({ id, status: change.status, expiresAt: new Date(change.expiresAt).toISOString() });
    return 0;
  }),
};
