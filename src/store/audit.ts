/**
 * The audit trail: who did what to which change, from where, and what Auth0 said. Written with the
 * record it is about, sealed like it, bounded in length.
 */
import type { EmailChange } from '../domain/email-change.ts';
import { actsOf, sinceOf, transitionsOf, type Act } from '../domain/transitions.ts';
import { SealError, type Sealer } from '../seal.ts';

/** Who made a write happen, from where (a coarse network, never an address), and what Auth0 said. */
export type Cause = {
  actor: 'user' | 'new-mailbox' | 'current-mailbox' | 'operator' | 'support' | 'relay' | 'worker';
  /** Who of them: support names its people. */
  by?: string;
  from?: string | undefined;
  said?: string | undefined;
};
/** One line of the audit trail. */
export type AuditEntry = Cause & {
  at: number;
  change: string;
  sub: string;
  status: EmailChange['status'];
  before?: EmailChange['status'] | undefined;
  /** What was done without moving the status. */
  act?: Act['act'];
  reason?: string | undefined;
};

/** One sealed line per transition, and per act that moves no status yet. */
export function sealAudit(
  sealer: Sealer,
  place: string,
  before: readonly EmailChange[],
  after: readonly EmailChange[],
  cause: Cause = { actor: 'worker' },
): string[] {
  const line = (change: EmailChange, at: number, more: object) =>
    sealer.seal(
      JSON.stringify({
        ...cause,
        at,
        change: change.id,
        sub: change.sub,
        status: change.status,
        reason: change.reason,
        ...more,
      } satisfies AuditEntry),
      place,
    );
  return [
    ...transitionsOf(before, after).map(({ change, from }) =>
      line(change, sinceOf(change), { before: from }),
    ),
    ...actsOf(before, after).map(({ change, act, at }) =>
      line(change, at, act === 'undo-refused' ? { act, reason: change.undo?.refused } : { act }),
    ),
  ];
}

/** The trail may outlive a key; what it sealed is gone, the rest is not. How much that is is said. */
export function openAudit(
  sealer: Sealer,
  place: string,
  lines: readonly string[],
): { entries: AuditEntry[]; unreadable: number } {
  const entries = lines.flatMap((line) => {
    try {
      return [JSON.parse(sealer.open(line, place)) as AuditEntry];
    } catch (error) {
      if (error instanceof SealError || error instanceof SyntaxError) return [];
      throw error;
    }
  });
  return { entries, unreadable: lines.length - entries.length };
}
