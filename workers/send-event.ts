/**
 * Tells the operator's systems of one transition, by the Standard Webhooks specification
 * (standardwebhooks.com): signed, at least once, the id being the same for every attempt.
 */
import { createHmac } from 'node:crypto';
import {
  recorded,
  STATUSES,
  type EmailChange,
  type Revocation,
  type Status,
} from '../src/domain/email-change.ts';
import type { WorkerConfig } from '../src/config.ts';
import type { Processor } from './processor.ts';

const TIMEOUT_MS = 10_000;
/** Seconds between attempts, about three days in all; then it is parked, to be replayed by hand. */
const SCHEDULE_S = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 86_400];

/** So many attempts in vain, some thirteen minutes, and somebody may have to look. */
const WORRYING = 4;

export const sendEvent: Processor = async ({ deps, change, name, claim }) => {
  const { config, now } = deps;
  const told = parseEventTask(name);
  if (!told) return { kind: 'unable', why: 'unknown event' };
  if (config.webhookUrl === undefined || !happened(change, told))
    return { kind: 'done', rule: recorded };
  const id = `${change.id}.${name.slice('event.'.length)}`;
  const body = JSON.stringify(eventOf(config, change, told));
  const answered = await post(config, { id, body, now: now() });
  if (answered >= 200 && answered < 300) return { kind: 'done', rule: recorded };
  if (claim.attempts === WORRYING) {
    const { log } = deps;
    log.warn({
      event: 'webhook.away',
      change: change.id,
      task: name,
      answered: answered || 'none',
    });
  }
  const waitS = SCHEDULE_S[claim.attempts - 1];
  const why = `webhook answered ${answered || 'not at all'}`;
  // 410 Gone: the receiver asks never to be called again (Standard Webhooks).
  if (waitS === undefined || answered === 410) return { kind: 'park', why };
  return { kind: 'later', why, ms: jittered(waitS * 1000, deps.random) };
};

/** Sends it signed, and gives the status of the answer: 0 if there was none. */
export async function post(
  config: Pick<WorkerConfig, 'webhookUrl' | 'webhookSecrets'>,
  { id, body, now }: { id: string; body: string; now: number },
): Promise<number> {
  const timestamp = String(Math.floor(now / 1000));
  return fetch(config.webhookUrl!, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatures(config, `${id}.${timestamp}.${body}`),
    },
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    () => 0,
  );
}

type Told = { status?: Status; revocation?: Revocation; act?: keyof typeof ACTS };

/** What moves no status: task name → event name. */
const ACTS = {
  'undo-refused': 'undo_refused',
  unreachable: 'current_mailbox_unreachable',
} as const;
const isAct = (name: string): name is keyof typeof ACTS => Object.hasOwn(ACTS, name);

/** `event.committed`; what came of ending the sessions then, `event.revocation.committed.done`; or an act. */
export function parseEventTask(name: string): Told | undefined {
  const [, first = '', status, revocation, ...rest] = name.split('.');
  if (rest.length > 0) return undefined;
  if (status === undefined && isAct(first)) return { act: first };
  if (status === undefined && isStatus(first)) return { status: first };
  return first === 'revocation' && isStatus(status) && isRevocation(revocation)
    ? { status, revocation }
    : undefined;
}

const isStatus = (text: string | undefined): text is Status =>
  STATUSES.some((status) => status === text);
const isRevocation = (text: string | undefined): text is Revocation =>
  text === 'done' || text === 'unsupported' || text === 'failed';

/** Whether the record's own history says so: a signature of ours stands under what happened alone. */
function happened(change: EmailChange, { status, revocation, act }: Told): boolean {
  if (act === 'undo-refused') return change.undo?.refused !== undefined;
  if (act === 'unreachable') return change.unreachableAt !== undefined;
  // Older records know the last revocation alone.
  const { revocations = { [change.status]: change.revocation } } = change;
  if (revocation !== undefined) return revocations[status!] === revocation;
  if (status === 'pending') return true;
  if (status === 'confirmed') return change.confirmedAt !== undefined;
  if (status === 'committed') return change.committedAt !== undefined;
  return status === change.status;
}

const EVENT_NAMES: Partial<Record<Status, string>> = { pending: 'requested' };

const nameOf = ({ status, revocation, act }: Told): string => {
  if (act) return ACTS[act];
  return revocation ? 'revocation' : (EVENT_NAMES[status!] ?? status!);
};

/** The event as it was when it happened; what came later is in later events. */
function eventOf(config: WorkerConfig, change: EmailChange, told: Told) {
  const { status = change.status, revocation, act } = told;
  const at = {
    pending: change.requestedAt,
    confirmed: change.confirmedAt,
    committed: change.committedAt,
  };
  const acts = { 'undo-refused': change.undo?.refusedAt, unreachable: change.unreachableAt };
  const since =
    (act && acts[act]) ?? at[status as keyof typeof at] ?? change.closedAt ?? change.requestedAt;
  const ended = status === change.status;
  const endsSessions = status === 'committed' || status === 'undone';
  return {
    type: `email_change.${nameOf(told)}`,
    timestamp: new Date(since).toISOString(),
    data: {
      id: change.id,
      userId: change.sub,
      status,
      reason: act === 'undo-refused' ? change.undo?.refused : ended ? change.reason : undefined,
      canceledBy: ended ? change.canceledBy : undefined,
      signInAgain: (endsSessions && !revocation && !act) || undefined,
      revocation,
      currentMailbox: change.unreachableAt === undefined ? undefined : 'unreachable',
      ...(config.webhookIncludesAddresses
        ? { email: change.email, previousEmail: change.account?.email }
        : {}),
    },
  };
}

/** One signature per secret, so that a secret can be rotated without a gap. */
const signatures = (
  { webhookSecrets }: Pick<WorkerConfig, 'webhookSecrets'>,
  content: string,
): string =>
  webhookSecrets
    .map((secret) => `v1,${createHmac('sha256', secret).update(content).digest('base64')}`)
    .join(' ');

const jittered = (ms: number, random: (bytes: number) => Buffer): number =>
  Math.round(ms * (0.8 + (0.4 * random(2).readUInt16BE()) / 65_536));
