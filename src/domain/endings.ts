/**
 * Whoever pressed a button or was warned is told by mail how it ended, by whatever road it came to an
 * end without effect; everybody else sees the status. Derived from what a write moves, so that no door and no
 * worker can end a change and forget it. (What took effect has its own mails: commit.ts, undo.ts.)
 */
import { hasStanding } from './account.ts';
import { taskOf, type EmailChange, type Status, type Task } from './email-change.ts';
import { actsOf, transitionsOf } from './transitions.ts';

const WITHOUT_EFFECT: readonly Status[] = ['rejected', 'canceled', 'expired', 'superseded'];
const isInVain = ({ status }: EmailChange): boolean => WITHOUT_EFFECT.includes(status);

/** The new mailbox agreed to a change that then came to nothing. */
export const tellsNew = (change: EmailChange): boolean =>
  isInVain(change) && change.agreed.new !== undefined;

/** The current mailbox was warned of it: by these mails, or by one that may have arrived. */
const isWarning = (name: string): boolean =>
  /^mail\.(?:notice|approve|reminder)(?:\.|$)/.test(name);
const wasWarned = ({ mails }: EmailChange): boolean =>
  Object.entries(mails).some(
    ([name, state]) => isWarning(name) && ['sent', 'doubt', 'last-doubt'].includes(state),
  );

/**
 * Whoever was warned, or asked, hears that the alarm is over, unless it ended the change itself, or the
 * next notice says so. It is told, too, when a reset of the password stopped a confirmed change: then
 * somebody else may have asked for it.
 */
export const tellsCurrent = (change: EmailChange): boolean =>
  isInVain(change) &&
  hasStanding(change.account) &&
  change.status !== 'superseded' &&
  change.canceledBy !== 'current-mailbox' &&
  (wasWarned(change) ||
    change.agreed.current !== undefined ||
    (change.reason === 'credentials-changed' && change.confirmedAt !== undefined));

export const undoWasRefused = (change: EmailChange): boolean =>
  change.status === 'committed' && change.undo?.refused !== undefined;

/** The mails that follow from what a write moves. */
export function farewells(
  before: readonly EmailChange[],
  after: readonly EmailChange[],
): readonly Task[] {
  const ended = transitionsOf(before, after).flatMap(({ change }) => [
    ...(tellsNew(change) ? [taskOf(change, 'mail.failed', change.closedAt!)] : []),
    ...(tellsCurrent(change) ? [taskOf(change, 'mail.stopped', change.closedAt!)] : []),
  ]);
  const refused = actsOf(before, after)
    .filter(({ act }) => act === 'undo-refused')
    .map(({ change, at }) => taskOf(change, 'mail.refused', at));
  return [...ended, ...refused];
}
