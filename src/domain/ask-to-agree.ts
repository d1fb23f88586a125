/**
 * Gives out the mails that ask both sides to agree, each resend under a name of its own. The record
 * counts them, since a mail that it did not give out is not sent (mails.ts).
 */
import type { EmailChange, Side, Task } from './email-change.ts';

export function askToAgree(
  change: EmailChange,
  sides: readonly Side[],
  now: number,
): { change: EmailChange; tasks: Task[] } {
  const approvals = approvalsBegun(change) + 1;
  const names = { new: `mail.confirm.${change.generation}`, current: `mail.approve.${approvals}` };
  return {
    change: sides.includes('current') ? { ...change, approvals } : change,
    tasks: sides.map((side) => ({ change: change.id, name: names[side], at: now })),
  };
}

const approvalsBegun = ({ mails }: EmailChange): number =>
  Object.keys(mails).filter((name) => name.startsWith('mail.approve.')).length;

/** How many were given out. Records before 0.2 counted those alone that were begun; one may follow. */
export const approvalsOf = (change: EmailChange): number =>
  change.approvals ?? approvalsBegun(change) + 1;
