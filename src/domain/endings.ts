/**
 * A change may end without effect. Then whoever pressed a button or was warned is told so by mail;
 * everybody else sees the status. These mails follow from what a write moves, so no door and no worker can
 * end a change and forget them. (A change that took effect has its own mails: commit.ts, undo.ts.)
 */
import { hasStanding } from './account.ts';
import { taskOf, type EmailChange, type Status, type Task } from './email-change.ts';
import { actsOf, transitionsOf } from './transitions.ts';

const WITHOUT_EFFECT: readonly Status[] = ['rejected', 'canceled', 'expired', 'superseded'];
const isInVain = ({ status }: EmailChange): boolean => WITHOUT_EFFECT.includes(status);

/** The new mailbox agreed to a change that then came to nothing. */
export const tellsNew = (change: EmailChange): boolean =>
  isInVain(change) && change.agreed.new !== undefined;

/** The current mailbox was warned: a warning was sent, or may have arrived. */
const isWarning = (name: string): boolean =>
  /^mail\.(?:notice|approve|reminder)(?:\.|$)/.test(name);
const wasWarned = ({ mails }: EmailChange): boolean =>
  Object.entries(mails).some(
    ([name, state]) => isWarning(name) && ['sent', 'doubt', 'last-doubt'].includes(state),
  );

/**
 * A current mailbox that was warned or asked hears that the alarm is over, unless it canceled the change
 * itself, or a newer change brings a new notice. It is also told when a password reset stopped a
 * confirmed change: then somebody else may have asked for the change.
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
