/** What the signed-in user does with changes of their own: all that the element needs of the client. */
import { bodyOf, createRead, type Call, type CallOptions } from './calls.ts';
import type { EmailChange } from './email-change.ts';
import { watch, type WatchOptions } from './watch.ts';

export type OwnChanges = ReturnType<typeof createOwnChanges>;

export function createOwnChanges(call: Call) {
  const read = createRead(call);
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
      const answer = await call('GET', 'email-changes/current', more, {
        headers: { prefer: 'none=204' },
      }).catch((error) => {
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
