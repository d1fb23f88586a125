/**
 * One mail: is it still wanted, mark it, send it, record its fate. The mark goes before the first
 * byte, so that a crash in between costs at most one repetition under the same Message-ID.
 */
import { maskEmail } from '../src/domain/email-address.ts';
import { isOver, recorded, type EmailChange, type Purpose } from '../src/domain/email-change.ts';
import {
  MAILS,
  mailDeferred,
  mailRefused,
  mailSent,
  parseMailTask,
  startMail,
  type Template,
} from '../src/domain/mails.ts';
import { confirmationCode, linkToken, linkUrl } from '../src/links.ts';
import { matchLocale } from '../src/locales/messages.ts';
import { renderMail, type Ending, type MailFacts } from '../src/mail/render.ts';
import type { WorkerConfig } from '../src/config.ts';
import { greylistMs } from './backoff.ts';
import { sharesOf } from './lease.ts';
import type { OutgoingMail } from './mailer.ts';
import type { Outcome, Processor } from './outcome.ts';

export const sendMail: Processor = async ({ deps, name, claim, hold, reached }) => {
  const task = parseMailTask(name);
  if (!task) return { kind: 'park', why: 'unknown mail' };
  const started = await hold((change) =>
    // Nobody is asked for an answer that comes too late, also before the expiry is recorded.
    change.status === 'pending' && isOver(change, deps.now())
      ? recorded(change)
      : startMail(change, name),
  );
  // Nothing marked: no longer wanted, or already sent as often as it may be.
  if (!('change' in started) || started.verdict.kind !== 'write') {
    if ('change' in started && started.change.mails[name] === 'doubt')
      deps.log.warn({ event: 'mail.doubt', change: started.change.id, task: name });
    return { kind: 'done', rule: recorded };
  }
  const { change } = started;
  reached('marked');
  const to = MAILS[task.template].to === 'new' ? change.email : change.account?.email;
  const sent: Outcome = { kind: 'done', rule: (latest) => mailSent(latest, name, deps.now()) };
  if (to === undefined) return { kind: 'done', rule: recorded };
  if (change.muted && task.template === 'confirm') return sent;

  const delivery = await deps.mailer.send(
    compose(deps.config, change, task.template, name, to),
    sharesOf(deps.config).mailMs,
  );
  reached('sent');
  const why = `smtp ${delivery.code}`;
  switch (delivery.kind) {
    case 'sent':
      return sent;
    case 'refused':
      return { kind: 'done', rule: (latest) => mailRefused(latest, name, deps.now()) };
    case 'deferred':
      return {
        kind: 'later',
        why,
        ms: greylistMs(claim.attempts),
        rule: (latest) => mailDeferred(latest, name),
      };
    case 'away':
      return {
        kind: 'later',
        why,
        alarm: claim.attempts > 3,
        rule: (latest) => mailDeferred(latest, name),
      };
    case 'doubt':
      return { kind: 'later', why };
  }
};

/** What each mailbox may see: its own address in clear, the other side's masked. */
function compose(
  config: WorkerConfig,
  change: EmailChange,
  template: Template,
  name: string,
  to: string,
): OutgoingMail {
  const locale = matchLocale(change.locale);
  const { to: side, links } = MAILS[template];
  const current = change.account?.email;
  const reason = change.reason ?? change.undo?.refused;
  const byPurpose = (make: (purpose: Purpose) => string) =>
    Object.fromEntries(links.map((purpose) => [purpose, make(purpose)]));
  const facts: MailFacts = {
    brand: config.brand,
    email: side === 'new' ? change.email : maskEmail(change.email),
    ...(current === undefined
      ? {}
      : { currentEmail: side === 'new' ? maskEmail(current) : current }),
    links: byPurpose((purpose) => linkUrl(config, change, purpose)),
    codes: byPurpose((purpose) => linkToken(change, purpose)),
    expiresAt: change.expiresAt,
    ...(change.waivesAt === undefined ? {} : { waivesAt: change.waivesAt }),
    ...(change.waiverMs ? { silenceConsents: true } : {}),
    ...(config.codeOn && template === 'confirm'
      ? { typedCode: confirmationCode(change).replace(/^(.{4})/, '$1 ') }
      : {}),
    ...(change.undo ? { undoUntil: change.undo.until } : {}),
    ...(reason ? { reason } : {}),
    ...endingOf(change),
    ...(config.passwordResetUrl ? { passwordResetUrl: config.passwordResetUrl } : {}),
  };
  return { to, id: `${change.id}.${name}`, locale, ...renderMail(template, locale, facts) };
}

function endingOf({ status, canceledBy = 'user' }: EmailChange): { ending?: Ending } {
  if (status === 'canceled') return { ending: `canceled.${canceledBy}` };
  return status === 'expired' || status === 'superseded' ? { ending: status } : {};
}
