/**
 * One mail: is it still wanted, mark it, send it, record its fate. The mark goes before the first
 * byte, so that a crash in between costs at most one repetition under the same Message-ID.
 */
import { undoUntil } from '../src/domain/keep.ts';
import { displayEmail, maskEmail } from '../src/domain/email-address.ts';
import { recorded, type EmailChange, type Purpose } from '../src/domain/email-change.ts';
import {
  MAILS,
  mailDeferred,
  mailGivenUp,
  mailMuted,
  mailRefused,
  mailSent,
  parseMailTask,
  startMail,
  thread,
  usefulUntil,
  type Template,
} from '../src/domain/mails.ts';
import { confirmationCode, linkToken, linkUrl } from '../src/links.ts';
import { localeAmong, type Locale } from '../src/locales/messages.ts';
import type { MailFacts } from '../src/mail/content.ts';
import { renderMail } from '../src/mail/render.ts';
import type { Rule } from '../src/store/changes.ts';
import type { WorkerConfig } from '../src/config.ts';
import { mailRetryMs } from './backoff.ts';
import { sharesOf } from './lease.ts';
import type { WorkerDeps } from './worker-deps.ts';
import type { OutgoingMail } from './mailer.ts';
import type { Result, Processor } from './processor.ts';

export const sendMail: Processor = async ({ deps, name, claim, hold, reached }) => {
  const task = parseMailTask(name);
  if (!task) return { kind: 'unable', why: 'unknown mail' };
  const { template } = task;
  const { now } = deps;
  let tooLate = false;
  const started = await hold((change) => {
    // Nobody is asked for an answer, or offered a remedy, that comes too late.
    tooLate = now() >= usefulUntil(change, template);
    return tooLate ? recorded(change) : startMail(change, name);
  });
  if (!('change' in started)) return { kind: 'done', rule: recorded };
  const { change } = started;
  const tell = (outcome: string, code?: string) =>
    deps.signals.tell('mail', { change: change.id, template, outcome, code });
  const end = (outcome: string, rule: Rule, code?: string): Result => {
    tell(outcome, code);
    return { kind: 'done', rule };
  };
  const giveUp = (code?: string): Result =>
    end('given-up', (latest) => mailGivenUp(latest, name, now()), code);
  // Nothing marked: no longer wanted, or already sent as often as it may be.
  if (started.verdict.kind !== 'write') {
    if (isInDoubt(change, name))
      deps.log.warn({ event: 'mail.doubt', change: change.id, template, task: name });
    // It has been tried, and its time ran out.
    else if (
      (tooLate || change.status === 'expired') &&
      claim.attempts > 1 &&
      !isSettled(change, name)
    )
      return giveUp();
    return { kind: 'done', rule: recorded };
  }
  reached('marked');
  const to = MAILS[template].to === 'new' ? change.email : change.account?.email;
  if (to === undefined) return { kind: 'done', rule: recorded };
  // Counted once, before the first attempt.
  const muted =
    template === 'confirm'
      ? change.muted
      : claim.attempts === 1 && (await isMuted(deps, change, template, to));
  if (muted) return end('muted', (latest) => mailMuted(latest, name));

  const { kind, code } = await deps.mailer.send(
    compose(deps, change, template, name, to),
    sharesOf(deps.config).mailMs,
  );
  reached('sent');
  if (kind === 'sent') return end('sent', (latest) => mailSent(latest, name, now()));
  if (kind === 'address')
    return end('undeliverable', (latest) => mailRefused(latest, name, now()), code);
  tell(kind, code);
  const later = { kind: 'later' as const, why: `smtp ${code}` };
  if (kind === 'doubt') return later;
  const again = { ...later, rule: (latest: EmailChange) => mailDeferred(latest, name) };
  if (kind === 'away') return { ...again, alarm: claim.attempts > 3 };
  if (kind === 'relay') return again;
  const ms = mailRetryMs(claim.attempts, usefulUntil(change, template) - now());
  return ms === undefined ? giveUp(code) : { ...again, ms };
};

/** Counts a mail for its mailbox; one that may be a stranger's gets few of them. */
async function isMuted(
  { postage }: WorkerDeps,
  change: EmailChange,
  template: Template,
  to: string,
): Promise<boolean> {
  if (template === 'informed') return !(await postage.mayInform(change.sub, to));
  await postage.count(change.sub, to, PAID_AT_THE_DOOR.includes(template));
  return false;
}
const PAID_AT_THE_DOOR: readonly Template[] = ['notice', 'approve'];

const isInDoubt = ({ mails }: EmailChange, name: string): boolean =>
  mails[name] === 'doubt' || mails[name] === 'last-doubt';
const isSettled = ({ mails }: EmailChange, name: string): boolean =>
  mails[name] === 'sent' || mails[name] === 'failed';

const masked = (address: string): string => displayEmail(maskEmail(address), 'other');

/** What each mailbox may see: its own address in clear, the other side's masked. */
function compose(
  { config, now }: WorkerDeps,
  change: EmailChange,
  template: Template,
  name: string,
  to: string,
): OutgoingMail {
  const { to: side, links } = MAILS[template];
  const { locale, also } = languagesOf(config, change, template);
  const current = change.account?.email;
  const byPurpose = (make: (purpose: Purpose) => string) =>
    Object.fromEntries(links.map((purpose) => [purpose, make(purpose)]));
  const facts: MailFacts = {
    brand: config.brand,
    email: side === 'new' ? displayEmail(change.email) : masked(change.email),
    currentEmail:
      current === undefined ? undefined : side === 'new' ? masked(current) : displayEmail(current),
    links: byPurpose((purpose) => linkUrl(config, change, purpose)),
    codes: byPurpose((purpose) => linkToken(change, purpose)),
    now: now(),
    expiresAt: change.expiresAt,
    askedAt: change.requestedAt,
    origin: change.origin,
    // As with the language: nobody who holds a session sets the clock of the other mailbox.
    zone: side === 'new' ? change.timeZone : change.account?.timeZone,
    asksCurrent: change.requires.includes('current'),
    waivesAt: change.waivesAt,
    silenceConsents: change.waiverMs !== undefined,
    typedCode:
      config.codeOn && template === 'confirm'
        ? confirmationCode(change).replace(/^(.{4})/, '$1 ')
        : undefined,
    undoUntil: undoUntil(change),
    reason: change.reason ?? change.undo?.refused,
    ending: endingOf(change),
    password: passwordOf(change),
    passwordResetUrl: config.passwordResetUrl,
  };
  return {
    to,
    id: `${change.id}.${name}`,
    thread: thread(change, template).map((earlier) => `${change.id}.${earlier}`),
    locale,
    ...renderMail(template, locale, facts, also),
  };
}

/**
 * A mailbox reads its own language: the new one that of the request, the current one that of the account.
 * Nobody who holds a session chooses the language of the alarm; a warning says it in both.
 */
function languagesOf(
  { languages }: WorkerConfig,
  change: EmailChange,
  template: Template,
): { locale: Locale; also?: Locale } {
  const requested = localeAmong(languages, change.locale);
  if (MAILS[template].to === 'new') return { locale: requested };
  const locale = localeAmong(languages, change.account?.language);
  const warns = template === 'notice' || template === 'approve';
  return warns && requested !== locale ? { locale, also: requested } : { locale };
}

const passwordOf = ({ password }: EmailChange): MailFacts['password'] =>
  password?.state === 'pending' ? undefined : password?.state;

function endingOf({ status, canceledBy = 'user' }: EmailChange): MailFacts['ending'] {
  if (status === 'canceled') return `canceled.${canceledBy}`;
  return status === 'expired' || status === 'superseded' ? status : undefined;
}
