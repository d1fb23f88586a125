/** What a checker has to know of a run: what callers were told, what happened outside, how it ended. */
import type { EmailChange } from '../../src/domain/email-change.ts';

/** One call of a client and what it was told; `status` 0: nothing, or nothing that could be read. */
export type Told = {
  /** Epoch ms at which it was sent, and at which the answer was there. */
  at: number;
  until: number;
  sub: string;
  op: 'request' | 'poll' | 'resend' | 'withdraw' | 'confirm' | 'approve' | 'cancel' | 'undo';
  change?: string;
  status: number;
  code?: string;
  /** The change's status in the answer. */
  said?: string;
};

/** A PATCH that the tenant carried out. */
type Patch = { at: number; sub: string; email: string };
/** A mail that the inbox took. The id is the local part of its Message-ID: `<change>.<task>`. */
export type Mail = { at: number; id: string; to: string; links: string };

export type History = {
  users: readonly { sub: string; original: string }[];
  told: readonly Told[];
  /** In the order in which the tenant carried them out. */
  patches: readonly Patch[];
  mails: readonly Mail[];
  /** Management tokens that the tenant gave out. */
  tokens: number;
  /** When an older state of Redis was put back, and when that state was of (epoch ms). */
  restored?: { at: number; from: number };
  end: {
    /** What the tenant says of each user. */
    accounts: ReadonlyMap<string, { email: string; verified: boolean }>;
    records: readonly EmailChange[];
    /** What the API tells the owner of each change. */
    views: ReadonlyMap<string, { status: string; reason?: string }>;
    /** Tasks that are still due (expiry apart), leases that are still held, tasks that were parked. */
    due: readonly string[];
    leases: readonly string[];
    parked: readonly string[];
    /** Where a secret was found: log lines, measures, commands that Redis carried out. */
    leaks: readonly string[];
    /** Errors that nobody caught, as the processes wrote them. */
    crashes: readonly string[];
  };
};

/** The leeway that the faults of a run give to what can not be exact. */
export type Leeway = {
  /** Mails that may have arrived twice: ends of workers, doubtful ends at the mail server or Redis. */
  mails: number;
  /** Tokens that may have been fetched in vain, beyond one per lifetime. */
  tokens: number;
};
