/**
 * Whoever can write to Redis can put any task there. So a mail goes out only if the record itself gave it
 * out: held against random lives of a user's two changes, one after the other.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { agree, expire } from '../../src/domain/agree.ts';
import { invited, reject, settle, startWriting } from '../../src/domain/commit.ts';
import {
  cancel,
  isOpen,
  type EmailChange,
  type Side,
  type UserChanges,
  type Verdict,
} from '../../src/domain/email-change.ts';
import { farewells } from '../../src/domain/endings.ts';
import { keep, keepEnds } from '../../src/domain/keep.ts';
import { MAILS, mailRefused, mailSent, startMail } from '../../src/domain/mails.ts';
import { request, resend } from '../../src/domain/request.ts';
import {
  passwordEnded,
  refuseUndo,
  requestUndo,
  settleUndo,
  startUndoing,
} from '../../src/domain/undo.ts';
import { ADA, AFTERMATH, AFTER_UNDO, askFor, DAY, MINUTE, NOBODY, T0, TIMING } from './stories.ts';

const NAMES = Object.keys(MAILS).flatMap((template) =>
  ['', '.1', '.2', '.3', '.100'].map((count) => `mail.${template}${count}`),
);

type Life = {
  requires: readonly Side[];
  verified: boolean;
  waits: boolean;
  reset: boolean;
};
type Move = { verb: keyof typeof VERBS; which: 0 | 1; ms: number; posts: boolean | undefined };
type Scene = {
  life: Life;
  changes: EmailChange[];
  user: UserChanges;
  given: Set<string>;
  now: number;
};

/** Each may come too late or make no sense: then the core says so, and nothing happens. */
const VERBS = {
  request: ({ life, changes, user, now }: Scene): Verdict =>
    request(
      askFor(`ada@${changes.length}.test`, {
        requires: life.requires,
        ...(life.waits ? { waiverMs: 3 * DAY } : {}),
      }),
      user,
      changes.at(-1),
      TIMING,
      now,
    ),
  invite: ({ life, now }: Scene, change: EmailChange) =>
    invited(change, { ...ADA, emailVerified: life.verified }, now),
  resend: ({ now }: Scene, change: EmailChange) => resend(change, { muted: false }, TIMING, now),
  agreeNew: ({ now }: Scene, change: EmailChange) => agree(change, 'new', now),
  agreeCurrent: ({ now }: Scene, change: EmailChange) => agree(change, 'current', now),
  cancel: ({ now }: Scene, change: EmailChange) => cancel(change, 'user', now),
  expire: ({ now }: Scene, change: EmailChange) => expire(change, now),
  write: (_: Scene, change: EmailChange) => startWriting(change, 0),
  reject: ({ now }: Scene, change: EmailChange) => reject(change, 'email-taken', now),
  commit: ({ user, now }: Scene, change: EmailChange) => settle(change, user, AFTERMATH, now),
  undo: ({ now }: Scene, change: EmailChange) => requestUndo(change, now),
  startUndo: ({ changes, user, now }: Scene, change: EmailChange) =>
    startUndoing(change, after(changes, change), user, { landsBy: 0, passwordSetAt: 0 }, now),
  settleUndo: ({ life, changes, user, now }: Scene, change: EmailChange) =>
    settleUndo(
      change,
      after(changes, change),
      user,
      { ...AFTER_UNDO, passwordSetAt: life.reset ? now : 0 },
      now,
    ),
  refuseUndo: ({ user, now }: Scene, change: EmailChange) =>
    refuseUndo(change, 'address-drifted', user, now),
  password: ({ now }: Scene, change: EmailChange) => passwordEnded(change, 'replaced', now),
  keep: ({ now }: Scene, change: EmailChange) => keep(change, now),
  keepEnds: ({ now }: Scene, change: EmailChange) => keepEnds(change, now),
} satisfies Record<string, (scene: Scene, change: EmailChange) => Verdict>;

const after = (changes: EmailChange[], change: EmailChange) =>
  changes.slice(changes.findIndex(({ id }) => id === change.id) + 1);

function apply(scene: Scene, verdict: Verdict): void {
  if (verdict.kind !== 'write') return;
  for (const task of [...verdict.tasks, ...farewells(scene.changes, verdict.changes)])
    scene.given.add(`${task.change}:${task.name}`);
  for (const written of verdict.changes) {
    const at = scene.changes.findIndex(({ id }) => id === written.id);
    if (at === -1) scene.changes.push(written);
    else scene.changes[at] = written;
  }
  scene.user = verdict.user ?? scene.user;
}

/** Some of what is due is sent, or refused by its server. */
function post(scene: Scene, taken: boolean): void {
  for (const change of scene.changes)
    for (const name of NAMES)
      if (scene.given.has(`${change.id}:${name}`) && startMail(change, name).kind === 'write')
        return apply(
          scene,
          taken ? mailSent(change, name, scene.now) : mailRefused(change, name, scene.now),
        );
}

const lives = fc.record({
  requires: fc.constantFrom<readonly Side[]>(['new'], ['new', 'current']),
  verified: fc.boolean(),
  waits: fc.boolean(),
  reset: fc.boolean(),
});
const which = fc.constantFrom(0 as const, 1 as const);
const move = fc.record({
  verb: fc.constantFrom(...(Object.keys(VERBS) as (keyof typeof VERBS)[])),
  which,
  ms: fc.constantFrom(0, MINUTE, DAY),
  posts: fc.constantFrom(undefined, true, false),
});
/** What belongs together, so that long lives are reached often. */
const CHAPTERS = [
  ['request', 'invite', 'agreeNew', 'agreeCurrent', 'write', 'commit'],
  ['request', 'invite', 'agreeNew', 'reject'],
  ['request', 'invite', 'cancel'],
  ['undo', 'startUndo', 'settleUndo', 'password'],
  ['undo', 'refuseUndo'],
  ['keep', 'keepEnds'],
] as const;
const chapter = fc
  .record({ verbs: fc.constantFrom(...CHAPTERS), which, posts: fc.constantFrom(undefined, true) })
  .map(({ verbs, ...rest }): Move[] => verbs.map((verb) => ({ verb, ms: 0, ...rest })));
const moves = fc
  .array(
    fc.oneof({ weight: 2, arbitrary: chapter }, { weight: 1, arbitrary: move.map((one) => [one]) }),
    {
      maxLength: 16,
    },
  )
  .map((chapters): Move[] => chapters.flat());

test('no mail goes out that the record did not give out, whatever task is put among the due ones', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(lives, moves, (life, moves) => {
      const scene: Scene = { life, changes: [], user: NOBODY, given: new Set(), now: T0 };
      for (const { verb, which, ms, posts } of moves) {
        scene.now += ms;
        const change = scene.changes[which];
        if (verb === 'request') {
          if (scene.changes.length < 2 && !scene.changes.some(isOpen))
            apply(scene, VERBS.request(scene));
        } else if (change) apply(scene, VERBS[verb](scene, change));
        if (posts !== undefined) post(scene, posts);
        for (const one of scene.changes)
          for (const name of NAMES) {
            if (startMail(one, name).kind !== 'write') continue;
            seen.add(name);
            expect(scene.given, `${name} of a change that is ${one.status}`).toContain(
              `${one.id}:${name}`,
            );
          }
      }
    }),
    { numRuns: 1500 },
  );
  // Nothing was held back that is ever due: the walks reach every template.
  expect(new Set([...seen].map((name) => name.split('.')[1]))).toEqual(new Set(Object.keys(MAILS)));
});
