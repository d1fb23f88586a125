/** A bounce, written and told: for the relays' door and the operator's command. */
import { afterWrite } from './after-write.ts';
import type { Deps } from './deps.ts';
import { bounce, type BounceKind } from './domain/bounce.ts';
import { parseMailTask } from './domain/mails.ts';
import type { Reference } from './mail/reference.ts';
import type { Cause } from './store/audit.ts';
import type { Decided } from './store/changes.ts';

/** `undefined`: there is no such change, or not any more. Telling twice is telling once. */
export async function afterBounce(
  deps: Deps,
  { change: id, mail }: Reference,
  kind: BounceKind,
  cause: Cause,
  requestId?: string,
): Promise<Decided | undefined> {
  let isNews = false;
  const decided = await deps.changes.decide(
    id,
    (change) => {
      const verdict = bounce(change, mail, kind, deps.now());
      // Somebody who calls our mail unwanted is news, also where it changes nothing.
      isNews = verdict.kind === 'write' || (kind === 'complained' && mail in change.mails);
      return verdict;
    },
    { cause },
  );
  if (!decided) return undefined;
  afterWrite(deps, decided, requestId);
  const template = parseMailTask(mail)?.template;
  if (isNews && template)
    deps.signals.tell('mail', { change: id, template, outcome: kind, code: undefined });
  return decided;
}
