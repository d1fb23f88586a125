/** Who does which task. Names are exact: a second name for the same work would be a second lease on it. */
import { expire } from '../src/domain/agree.ts';
import { keepEnds } from '../src/domain/keep.ts';
import type { EmailChange, Verdict } from '../src/domain/email-change.ts';
import { commit } from './commit.ts';
import { invite } from './invite.ts';
import type { Processor } from './processor.ts';
import { replacePassword } from './password.ts';
import { revoke } from './revoke.ts';
import { sendEvent } from './send-event.ts';
import { sendMail } from './send-mail.ts';
import { undo } from './undo.ts';
import { verify } from './verify.ts';

/** Nothing but a rule to ask: a time has come. */
const byTheClock =
  (rule: (change: EmailChange, now: number) => Verdict): Processor =>
  async ({ deps }) => ({ kind: 'done', rule: (change) => rule(change, deps.now()) });

const BY_NAME = new Map<string, Processor>([
  ['invite', invite],
  ['commit', commit],
  ['undo', undo],
  ['verify', verify],
  ['password', replacePassword],
  ['keep', byTheClock(keepEnds)],
  ['revoke', revoke],
  ['revoke.undo', revoke],
  ['expire', byTheClock(expire)],
]);
/** These read the rest of their names themselves. */
const BY_KIND = new Map<string, Processor>([
  ['mail', sendMail],
  ['event', sendEvent],
]);

export const processorOf = (name: string): Processor | undefined =>
  BY_NAME.get(name) ?? BY_KIND.get(name.split('.', 1)[0]!);

/** For measures and steps: one of a closed set, whatever somebody put among the due tasks. */
export const kindOf = (name: string): string =>
  processorOf(name) ? name.split('.', 1)[0]! : 'unknown';
