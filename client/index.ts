/**
 * Readdress in a browser or a native app: change the email address of the signed-in user, follow
 * the change live, and use the links that were mailed. Plain ECMAScript with `fetch`; nothing that
 * React Native lacks is needed.
 */
import { bodyOf, createCall, type CallOptions, type ClientOptions } from './calls.ts';
import type { EmailChange, Inspection, Outcome, Purpose } from './email-change.ts';
import { watch, type WatchOptions } from './watch.ts';

export type { CallOptions, ClientOptions, Fetch, GetAccessToken } from './calls.ts';
export type {
  EmailChange,
  Inspection,
  Outcome,
  Purpose,
  Reason,
  Side,
  Status,
} from './email-change.ts';
export { EmailChangeError, type ErrorCode } from './errors.ts';
export type { WatchOptions } from './watch.ts';

const NONE = { headers: { prefer: 'none=204' } };

export type LinkOptions = CallOptions & {
  /** Seconds to wait for the outcome, at most 30. Without it the answer may be `confirmed`. */
  wait?: number;
};
export type EmailChangeClient = ReturnType<typeof createEmailChangeClient>;

/**
 * @example
 * const client = createEmailChangeClient({
 *   baseUrl: 'https://email.example.com',
 *   getAccessToken: ({ maxAge }) => auth0.getTokenSilently(),
 * });
 * const change = await client.request({ email: 'ada@example.com' });
 * const outcome = await client.watch(change.id, ({ status }) => show(status));
 *
 * Every method rejects with {@link EmailChangeError}, with what `getAccessToken` threw, or with the
 * reason of an aborted `signal`.
 */
export function createEmailChangeClient(options: ClientOptions) {
  const call = createCall(options);
  const read = async <T>(...args: Parameters<typeof call>): Promise<T> =>
    bodyOf(await call(...args), args[2]);

  const useLink =
    (purpose: Purpose) =>
    (link: string, { wait, signal }: LinkOptions = {}): Promise<Outcome> =>
      read(
        'POST',
        purpose,
        { signal },
        {
          body: { token: link },
          open: true,
          headers: wait ? { prefer: `wait=${wait}` } : {},
        },
      );

  const pathOf = (id: string): string => `email-changes/${encodeURIComponent(id)}`;

  return {
    /** Asks for a change; a newer request replaces an older one. */
    request: (
      asked: { email: string; returnTo?: string; locale?: string; timeZone?: string },
      more: CallOptions = {},
    ): Promise<EmailChange> =>
      read('POST', 'email-changes', more, { body: { timeZone: ownZone(), ...asked } }),

    /** The newest change of the signed-in user, if there is one. */
    current: async (more: CallOptions = {}): Promise<EmailChange | undefined> => {
      // A 404 that is no fault would be red in the console. Older services know no better.
      const answer = await call('GET', 'email-changes/current', more, NONE).catch((error) => {
        if (error.code !== 'not-found') throw error;
      });
      return answer?.status === 200 ? bodyOf(answer, more) : undefined;
    },

    get: (id: string, more: CallOptions = {}): Promise<EmailChange> =>
      read('GET', pathOf(id), more),

    /** Mails the confirmation link again; older mails of this change go on to work. */
    resend: (id: string, more: CallOptions = {}): Promise<EmailChange> =>
      read('POST', `${pathOf(id)}/resend`, more),

    /** Confirms by the digits of the confirmation mail, where the service has codes switched on. */
    confirmByCode: (id: string, code: string, more: CallOptions = {}): Promise<EmailChange> =>
      read('POST', `${pathOf(id)}/confirm`, more, { body: { code: code.replace(/\D/g, '') } }),

    /** Withdraws a change that is not committed yet. Twice is harmless. */
    cancel: async (id: string, more: CallOptions = {}): Promise<void> => {
      await call('DELETE', pathOf(id), more);
    },

    /** What a mailed link is for, without using it. Takes the token or the whole link, as it was pasted. */
    inspect: (link: string, more: CallOptions = {}): Promise<Inspection> =>
      read('POST', 'links/inspect', more, { body: { token: link }, open: true }),

    // The links, by token or whole: the service finds the token in them. Using one again answers with what is recorded. Where the
    // service runs with CONFIRM_BY=session, `confirm` sends the owner's access token along.
    confirm: useLink('confirm'),
    approve: useLink('approve'),
    cancelByLink: useLink('cancel'),
    undo: useLink('undo'),

    /**
     * Calls back with the change as it is now and after every transition; resolves with the final
     * state. Streams where it can and polls where it can not; outages are sat out.
     */
    watch: (
      id: string,
      onChange: (change: EmailChange) => void,
      more: WatchOptions = {},
    ): Promise<EmailChange> => watch(call, pathOf(id), onChange, more),
  };
}

/** Where the device is, by the clock: mails tell times in it. Not every runtime knows. */
const ownZone = (): string | undefined =>
  globalThis.Intl?.DateTimeFormat?.().resolvedOptions().timeZone;
