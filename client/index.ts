/**
 * Readdress in a browser or a native app: change the email address of the signed-in user, follow
 * the change live, and use the links that were mailed. Plain ECMAScript with `fetch`; nothing that
 * React Native lacks is needed.
 */
import { createCall, createRead, type CallOptions, type ClientOptions } from './calls.ts';
import type { Inspection, Outcome, Purpose } from './email-change.ts';
import { createOwnChanges } from './own-changes.ts';

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
  const { getAccessToken, ...open } = options;
  const call = createCall(options);
  const read = createRead(createCall(open));

  const useLink =
    (purpose: Purpose) =>
    (link: string, { wait, signal }: LinkOptions = {}): Promise<Outcome> => {
      const headers = wait ? { prefer: `wait=${wait}` } : {};
      const extra = { body: { token: link }, headers };
      return read<Outcome>('POST', purpose, { signal }, extra).catch((error) => {
        // With CONFIRM_BY=session a link needs its owner too, and only then a token goes with it.
        if (error.status !== 401 || !getAccessToken) throw error;
        return createRead(call)('POST', purpose, { signal }, extra);
      });
    };

  return {
    ...createOwnChanges(call),

    /** What a mailed link is for, without using it. Takes the token or the whole link, as it was pasted. */
    inspect: (link: string, more: CallOptions = {}): Promise<Inspection> =>
      read('POST', 'links/inspect', more, { body: { token: link } }),

    // The links, by token or whole: the service finds the token in them. Using one again answers with what is recorded. Where the
    // service runs with CONFIRM_BY=session, `confirm` sends the owner's access token along.
    confirm: useLink('confirm'),
    approve: useLink('approve'),
    cancelByLink: useLink('cancel'),
    undo: useLink('undo'),
  };
}
