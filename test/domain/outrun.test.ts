/**
 * Whoever holds an account may change it as often as the limits let them. As long as every write was
 * ours, the first mailbox's undo ends at its address, in time and whatever was done in between.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DirectoryUser } from '../../src/domain/account.ts';
import { invited, settle, startWriting } from '../../src/domain/commit.ts';
import { agree } from '../../src/domain/agree.ts';
import { request } from '../../src/domain/request.ts';
import {
  cancel,
  type EmailChange,
  type Side,
  type Step,
  type UserChanges,
  type Verdict,
} from '../../src/domain/email-change.ts';
import { KEEP_CLOSED_MS, keepUntil } from '../../src/domain/retention.ts';
import { decideUndo, settleUndo, startUndoing, requestUndo } from '../../src/domain/undo.ts';
import {
  ADA,
  AFTER_UNDO,
  askFor,
  DAY,
  HOUR,
  MINUTE,
  NOBODY,
  stepOf,
  T0,
  TIMING,
} from './stories.ts';

const AFTER = { revoke: false, limitWindowMs: 7 * DAY };

/** A user's changes as the store keeps them, driven by the core alone. */
function startHistory() {
  const changes = new Map<string, EmailChange>();
  let user: UserChanges = NOBODY;
  let account: DirectoryUser = { ...ADA, email: 'owner@x.test' };
  let now = T0;
  let count = 0;

  const apply = (verdict: Verdict): Step | undefined => {
    if (verdict.kind !== 'write') return undefined;
    for (const change of verdict.changes) changes.set(change.id, change);
    if (verdict.user) user = verdict.user;
    return verdict;
  };
  /** What Redis still has. */
  const find = (id: string) => {
    const change = changes.get(id);
    return change && (keepUntil(change) ?? Infinity) > now ? change : undefined;
  };
  const followersOf = (change: EmailChange): EmailChange[] => {
    const place = user.committed.indexOf(change.id);
    const later = place === -1 ? [] : user.committed.slice(place + 1);
    return [...new Set([...later, user.latest!])]
      .filter((id) => id !== change.id)
      .flatMap((id) => find(id) ?? []);
  };
  const ask = (requires: readonly Side[]): EmailChange | undefined => {
    count += 1;
    const asked = askFor(`thief${count}@y.test`, { id: `change-${count}`, requires });
    const latest = user.latest === undefined ? undefined : find(user.latest);
    const step = apply(request(asked, user, latest, TIMING, now));
    return step && apply(invited(step.changes[0]!, account, now))?.changes[0];
  };
  const commit = (undoWindowMs: number, requires: readonly Side[] = ['new']) => {
    let change = ask(requires);
    for (const side of requires) change = change && apply(agree(change, side, now))?.changes[0];
    if (change?.status !== 'confirmed') return undefined;
    apply(startWriting(change, now));
    account = { ...account, email: change.email };
    return apply(settle(changes.get(change.id)!, user, { ...AFTER, undoWindowMs }, now))
      ?.changes[0];
  };
  const undo = (change: EmailChange) => {
    const pressed = apply(requestUndo(changes.get(change.id)!, now))?.changes[0];
    if (!pressed) return undefined;
    const decision = decideUndo(pressed, followersOf(pressed), account);
    if (decision.kind === 'refuse') return decision.reason;
    apply(
      startUndoing(pressed, followersOf(pressed), user, { landsBy: now, passwordSetAt: 0 }, now),
    );
    if (decision.kind === 'patch') account = { ...account, email: decision.email };
    apply(settleUndo(changes.get(pressed.id)!, followersOf(pressed), user, AFTER_UNDO, now));
    return undefined;
  };

  return {
    commit,
    undo,
    ask,
    cancel: () => user.latest && apply(cancel(changes.get(user.latest)!, 'user', now)),
    undoLatest: () => {
      const latest = user.committed.length > 1 ? changes.get(user.committed.at(-1)!) : undefined;
      return latest && undo(latest);
    },
    wait: (ms: number) => {
      now += ms;
    },
    now: () => now,
    account: () => account,
    kept: () => user.committed.length,
  };
}

const act = fc.record({
  name: fc.oneof(
    { weight: 6, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constantFrom('ask', 'cancel', 'undoLatest') },
  ),
  both: fc.boolean(),
  waitMs: fc.constantFrom(0, MINUTE, HOUR, 6 * HOUR, 2 * DAY),
});

test('an undo in time ends at its address, after any number of further changes of ours', () => {
  const days = fc.integer({ min: 1, max: 30 });
  fc.assert(
    fc.property(days, fc.array(act, { minLength: 1, maxLength: 160 }), (windowDays, acts) => {
      const history = startHistory();
      const owners = history.commit(windowDays * DAY)!;
      for (const { name, both, waitMs } of acts) {
        if (history.now() + waitMs >= owners.undo!.until) continue;
        history.wait(waitMs);
        // Later windows may be shorter: the setting changes, and who approved has none at all.
        if (name === 'commit')
          history.commit(both ? DAY : 7 * DAY, both ? ['new', 'current'] : ['new']);
        else if (name === 'ask') history.ask(['new']);
        else history[name]();
      }
      expect(history.undo(owners)).toBeUndefined();
      expect(history.account().email).toBe('owner@x.test');
    }),
    { numRuns: 300 },
  );
});

test('the index of a user who changes for ever does not', () => {
  const history = startHistory();
  for (let i = 0; i < 400; i += 1) {
    history.commit(7 * DAY);
    history.wait(DAY);
  }
  expect(history.kept()).toBeLessThan(50);
  expect(KEEP_CLOSED_MS).toBeLessThan(30 * DAY);
});

test('the limit counts what is committed and in force, and says from when on more is possible', () => {
  const limited = { ...TIMING, committed: { points: 3, windowMs: 7 * DAY } };
  const at = (days: number) => ({ at: T0 + days * DAY, undoUntil: T0 + (days + 7) * DAY });
  const user: UserChanges = {
    committed: ['a', 'b', 'c'],
    written: { a: at(0), b: at(1), c: at(2), undone: at(3) },
  };
  const ask = (now: number) => request(askFor('d@y.test'), user, undefined, limited, now);
  expect(ask(T0 + 4 * DAY)).toEqual({
    kind: 'refused',
    refusal: { code: 'too-many-requests', retryAt: T0 + 7 * DAY },
  });
  expect(stepOf(ask(T0 + 7 * DAY)).changes).toHaveLength(1);
});
