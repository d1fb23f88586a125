/**
 * Holds the invariants I1 to I9 against a history. Each check says in a sentence what it found; an
 * empty list is a run without a violation. It knows nothing of how the service works inside, only
 * what it promises.
 */
import type { EmailChange } from '../../src/domain/email-change.ts';
import type { History, Leeway, Mail, Told } from './history.ts';

export function check(history: History, leeway: Leeway): string[] {
  const found = new Map(history.end.records.map((record) => [record.id, record]));
  return [
    ...checkAcknowledged(history, found),
    ...checkEnded(history, found),
    ...checkPatches(history, found),
    ...checkAccounts(history),
    ...checkMails(history, leeway),
    ...checkTokens(history, leeway),
    ...checkRestored(history),
    ...history.end.leaks.map((leak) => `I7 a secret leaked: ${leak.slice(0, 300)}`),
    ...history.end.due.map((task) => `I8 still due: ${task}`),
    ...history.end.leases.map((lease) => `I8 still leased: ${lease}`),
    ...history.end.parked.map((task) => `I8 parked: ${task}`),
    ...checkViews(history, found),
    ...checkAnswers(history),
  ];
}

type Records = ReadonlyMap<string, EmailChange>;

/** A status that can follow on another; what was acknowledged may only move on. */
const LATER: Record<string, readonly string[]> = {
  pending: [
    'pending',
    'confirmed',
    'committed',
    'undone',
    'superseded',
    'canceled',
    'expired',
    'rejected',
  ],
  confirmed: ['committed', 'undone', 'canceled', 'rejected'],
  committed: ['committed', 'undone'],
  undone: ['undone'],
  superseded: ['superseded'],
  canceled: ['canceled'],
  expired: ['expired'],
  rejected: ['rejected'],
};

const acknowledged = ({ status }: Told): boolean => status >= 200 && status < 300;

/** I1, first half: nothing that was acknowledged is forgotten or taken back. */
function checkAcknowledged({ told, restored }: History, records: Records): string[] {
  // What was told after the state that was put back may be forgotten, but not undone: checkRestored.
  const kept = told.filter(
    ({ at, until }) => !restored || until < restored.from || at > restored.at,
  );
  return kept.filter(acknowledged).flatMap((each) => {
    const { op, change, said } = each;
    if (change === undefined) return [];
    const record = records.get(change);
    if (!record) return [`I1 ${op} of ${change} was acknowledged and there is no record`];
    if (op === 'withdraw' && ['pending', 'confirmed', 'committed'].includes(record.status))
      return [`I1 ${change} was withdrawn with a 2xx and is ${record.status}`];
    if (said !== undefined && !LATER[said]?.includes(record.status))
      return [`I1 ${op} of ${change} was told ${said} and it is ${record.status}`];
    if (op === 'undo' && said === 'committed' && record.undo?.requestedAt === undefined)
      return record.status === 'undone' || record.undo?.refused
        ? []
        : [`I1 undo of ${change} was acknowledged and is not recorded`];
    return [];
  });
}

/** I1, second half: every change has come to an end that somebody wanted, and its people were told. */
function checkEnded({ told, restored }: History, records: Records): string[] {
  const tried = (change: string, ...ops: Told['op'][]) =>
    told.some((each) => each.change === change && ops.includes(each.op));
  return [...records.values()].flatMap((record) => {
    const { id, status, mails } = record;
    const says = (what: string) => [`I1 ${id} ${what}`];
    if (status === 'confirmed') return says('is stuck: confirmed');
    if (record.writing && status !== 'committed') return says(`is ${status} with a PATCH in doubt`);
    if (record.undo?.requestedAt !== undefined && status === 'committed' && !record.undo.refused)
      return says('is stuck: its undo is under way');
    const letGo = restored !== undefined && record.canceledBy === 'operator';
    if (
      status === 'canceled' &&
      record.canceledBy !== 'undo' &&
      !letGo &&
      !tried(id, 'withdraw', 'cancel')
    )
      return says('is canceled and nobody asked for it');
    if (status === 'expired' && record.agreed.new !== undefined && record.requires.length === 1)
      return says('was clicked and expired');
    const owed: Record<string, string[]> = {
      committed: [
        'mail.done',
        // A mailbox that the tenant did not call verified has no undo, and is not written to again.
        ...(record.account?.emailVerified ? [`mail.${toldBy(record)}`] : []),
      ],
      rejected: record.agreed.new === undefined ? [] : ['mail.failed'],
    };
    return (owed[status] ?? [])
      .filter((name) => mails[name] === undefined || mails[name] === 'sending')
      .flatMap((name) => says(`is ${status} and ${name} was not mailed: ${JSON.stringify(mails)}`));
  });
}

/** Who approved a change is told that it was made; who did not may undo it. */
const toldBy = ({ agreed }: EmailChange): string =>
  agreed.current === undefined ? 'changed' : 'approved';

/** I2 and I4: each effective PATCH has its own confirmed change, or its own undo; no change has two. */
function checkPatches({ patches: every, told, restored }: History, records: Records): string[] {
  // Of what happened after the state that was put back there is no record any more.
  const patches = every.filter(({ at }) => !restored || at < restored.from || at > restored.at);
  const all = [...records.values()];
  const key = (sub: string, email: string | undefined) => `${sub} ${email?.toLowerCase()}`;
  const tally = (keys: string[]) => {
    const counts = new Map<string, number>();
    for (const each of keys) counts.set(each, (counts.get(each) ?? 0) + 1);
    return counts;
  };
  const allowed = tally([
    ...all.filter((it) => it.committedAt !== undefined).map((it) => key(it.sub, it.email)),
    ...all.filter((it) => it.status === 'undone').map((it) => key(it.sub, it.account?.email)),
  ]);
  const tooMany = [...tally(patches.map((each) => key(each.sub, each.email)))]
    .filter(([each, count]) => count > (allowed.get(each) ?? 0))
    .map(
      ([each, count]) =>
        `I2 ${count} effective PATCHes for ${each}, recorded are ${allowed.get(each) ?? 0}`,
    );
  const clicked = (change: EmailChange, op: Told['op'], before: number) =>
    told.some((each) => each.change === change.id && each.op === op && each.at <= before);
  const unconfirmed = patches
    .filter(({ at, sub, email }) => {
      const target = email.toLowerCase();
      const asked = all.some(
        (it) =>
          it.sub === sub &&
          it.email.toLowerCase() === target &&
          clicked(it, 'confirm', at) &&
          (!it.requires.includes('current') || clicked(it, 'approve', at)),
      );
      const undone = all.some(
        (it) =>
          it.sub === sub && it.account?.email?.toLowerCase() === target && clicked(it, 'undo', at),
      );
      return !asked && !undone;
    })
    .map(({ sub, email }) => `I4 a PATCH of ${sub} to ${email} that nobody confirmed`);
  return [...tooMany, ...unconfirmed];
}

/** I3: each account holds what the latest committed change says, else what it held at first. */
function checkAccounts({ users, end }: History): string[] {
  return users.flatMap(({ sub, original }) => {
    const standing = end.records
      .filter((record) => record.sub === sub && record.status === 'committed')
      .toSorted((a, b) => (a.committedAt ?? 0) - (b.committedAt ?? 0))
      .at(-1);
    const expected = (standing?.email ?? original).toLowerCase();
    const account = end.accounts.get(sub);
    if (account?.email !== expected)
      return [`I3 ${sub} holds ${account?.email}, and by the records it is ${expected}`];
    return standing && !account.verified ? [`I3 ${sub} holds ${expected} unverified`] : [];
  });
}

/** I5: a mail comes once; once more, and with the same links, after an end in doubt. */
function checkMails({ mails }: History, leeway: Leeway): string[] {
  const copies = new Map<string, Mail[]>();
  for (const mail of mails) copies.set(mail.id, [...(copies.get(mail.id) ?? []), mail]);
  const repeated = [...copies].filter(([, each]) => each.length > 1);
  const extra = repeated.reduce((sum, [, each]) => sum + each.length - 1, 0);
  return [
    ...repeated
      // The mail with the undo link alone may be in doubt twice.
      .filter(([id, each]) => each.length > (id.includes('.mail.changed') ? 3 : 2))
      .map(([id, each]) => `I5 ${id} was mailed ${each.length} times`),
    ...repeated
      .filter(([, each]) => new Set(each.map(({ links, to }) => `${to} ${links}`)).size > 1)
      .map(([id]) => `I5 ${id} was mailed twice and not the same`),
    ...(extra > leeway.mails
      ? [`I5 ${extra} repeated mails, at most ${leeway.mails} were in doubt`]
      : []),
  ];
}

/** I10: what somebody was told is ended is not written after an older state was put back. */
function checkRestored({ told, patches, restored, end }: History): string[] {
  if (!restored) return [];
  return told
    .filter((each) => acknowledged(each) && ['withdraw', 'cancel', 'undo'].includes(each.op))
    .filter(({ until }) => until < restored.at)
    .flatMap(({ op, change }) => {
      const record = end.records.find(({ id }) => id === change);
      const again = patches.some(
        ({ at, sub, email }) =>
          at > restored.at && sub === record?.sub && email.toLowerCase() === record.email,
      );
      return again ? [`I10 ${op} of ${change} was acknowledged, and it was written after all`] : [];
    });
}

/** I6: one token per lifetime. */
const checkTokens = ({ tokens }: History, leeway: Leeway): string[] =>
  tokens > 1 + leeway.tokens
    ? [`I6 ${tokens} management tokens, ${1 + leeway.tokens} at most`]
    : [];

/** I9: the user is shown what is recorded, and what is recorded is true. */
function checkViews({ end }: History, records: Records): string[] {
  return [...records.values()].flatMap((record) => {
    const view = end.views.get(record.id);
    const reason = record.reason ?? record.undo?.refused;
    return view?.status === record.status && view.reason === reason
      ? []
      : [`I9 ${record.id} is ${record.status} and its owner sees ${view?.status ?? 'nothing'}`];
  });
}

/** A fault has a name and a time to come back: no 500, no crash. */
function checkAnswers({ told, end }: History): string[] {
  return [
    ...told
      .filter(({ status }) => status >= 500 && status !== 503)
      .map(({ op, status, code }) => `a ${status} ${code} for ${op}`),
    ...end.crashes.map((text) => `a process died of an error: ${text.slice(0, 600)}`),
  ];
}
