/**
 * Where the users are: what a change needs of it, and what may go wrong. Today that is an Auth0 tenant;
 * the core and the tasks know no more of it than this.
 */
import type { DirectoryUser } from '../../src/domain/account.ts';

/** How long a call may wait for its turn, and the lease under which alone it may be sent. */
export type CallOptions = { maxWaitMs: number; lease?: Lease };
type Lease = { leftMs(): number; isHeld(): Promise<boolean> };
/** Nothing is written without a lease: whoever slept through its end would write over what came since. */
export type Fenced = CallOptions & { lease: Lease };

/** `name` is sent along only when it is to follow the address. */
export type EmailWrite = {
  email: string;
  emailVerified: boolean;
  connection: string;
  name?: string;
};

/**
 * Whether the tenant calls the address verified now, and when the password was last set as of that write
 * (epoch ms by the tenant's clock).
 */
type EmailWritten = { verified: boolean; passwordSetAt: number };

export type Directory = {
  /** At a start: tells what an operator must mend before anything can be done here. Never throws a fault. */
  checkAccess(): Promise<void>;
  /** `undefined`: the user does not exist. @throws {TenantFault} `refused` for good, or what may pass */
  readUser(sub: string, options: CallOptions): Promise<DirectoryUser | undefined>;
  /** Writes an address. @throws {TenantFault} `doubt` when nobody can say whether it did */
  writeEmail(sub: string, wish: EmailWrite, options: Fenced): Promise<EmailWritten>;
  /** Calls the address that the account holds verified. @throws {TenantFault} */
  verifyEmail(sub: string, connection: string, options: Fenced): Promise<void>;
  /** Puts every password that somebody knows out of use. @throws {TenantFault} */
  writePassword(
    sub: string,
    wish: { password: string; connection: string },
    options: Fenced,
  ): Promise<void>;
  /** Ends the user's sessions, and revokes refresh tokens too for `all`. @throws {TenantFault} */
  revoke(sub: string, what: 'sessions' | 'all', options: CallOptions): Promise<void>;
};
