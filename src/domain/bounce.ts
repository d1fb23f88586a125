/** A mail that its server took, and that came back later: relays take first and learn afterwards. */
import { mailRefused, MAILS, parseMailTask } from './mails.ts';
import { recorded, write, type EmailChange, type Recorded, type Step } from './email-change.ts';

/** `bounced`: there is no such mailbox. `complained`: its owner called the mail unwanted. */
export type BounceKind = 'bounced' | 'complained';

/**
 * A new mailbox that bounced can never confirm, so its user is told to correct the address. A current mailbox that
 * bounced or complained was not asked: its silence is no consent, and the operator sees it. Twice is once, and what
 * the record does not call sent did not bounce.
 */
export function bounce(
  change: EmailChange,
  name: string,
  kind: BounceKind,
  now: number,
): Step | Recorded {
  const state = change.mails[name];
  const task = parseMailTask(name);
  if (!task || state === undefined || state === 'failed' || state === 'muted')
    return recorded(change);
  const isCurrent = MAILS[task.template].to === 'current';
  // Whoever complains reads the mailbox: the address is right.
  if (kind === 'complained' && !isCurrent) return recorded(change);
  const refused = mailRefused(change, name, now);
  if (refused.kind !== 'write' || !isCurrent) return refused;
  // Silence was counted from a mail that nobody got.
  const [failed] = refused.changes;
  return failed?.waivesAt === undefined || failed.status !== 'pending'
    ? refused
    : { ...write(withoutWaiver(failed)), tasks: refused.tasks };
}

function withoutWaiver(change: EmailChange): EmailChange {
  const isAsked = Object.entries(change.mails).some(
    ([name, state]) => /^mail\.(?:approve|reminder)\./.test(name) && state === 'sent',
  );
  if (isAsked || change.bySupport === true) return change;
  const { waivesAt: _, ...rest } = change;
  return rest;
}
