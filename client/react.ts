'use client';
/**
 * The change in React (18 and 19, Next.js too): `<ChangeEmail>` is the element with typed props, and
 * `useEmailChange` is for a form of your own. Both work after server rendering, where React itself hands no
 * functions on to custom elements.
 */
import {
  createElement,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  type CSSProperties,
  type ReactElement,
} from 'react';
// oxlint-disable-next-line import/no-unassigned-import -- it defines the element.
import './element.ts';
import type { EmailChange } from './email-change.ts';
import type { ReaddressChangeEmail } from './element.ts';
import {
  createEmailChangeClient,
  type EmailChangeClient,
  type EmailChangeError,
  type GetAccessToken,
} from './index.ts';
import type { Strings } from './strings.ts';

export type ChangeEmailProps = {
  /** Where Readdress is: its `PUBLIC_URL`. */
  baseUrl?: string;
  /** What Auth0's SDK returns; with `maxAge` a new login. A new function on every render is no new login. */
  getAccessToken?: GetAccessToken;
  /** In place of both. Keep one (`useMemo`): another client starts everything over. */
  client?: EmailChangeClient;
  /** Where the result page leads back to: one of `RETURN_URLS`, exactly. */
  returnTo?: string;
  /** Offers a field for the code of the mail, where the service runs with `CODE=on`. */
  code?: boolean;
  /** The language of the mails, and of times. */
  lang?: string;
  /** Some or all words: `@readdress/client/translations/de`. */
  strings?: Partial<Strings>;
  /** At every transition. */
  onEmailChange?: (change: EmailChange) => unknown;
  /** The user wants to sign in again: after the change, or because the session has ended. */
  onSignInAgain?: (change: EmailChange | undefined) => unknown;
  /** Something that you have to mend: a wrong address, CORS, a scope. The console says it too. */
  onError?: (error: EmailChangeError) => unknown;
  className?: string;
  style?: CSSProperties;
};

/** The element `<readdress-change-email>`, with what it is to know as props. */
export function ChangeEmail(props: ChangeEmailProps): ReactElement {
  const { baseUrl, client, returnTo, code, lang, strings, className, style } = props;
  const ref = useRef<ReaddressChangeEmail>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const hasToken = props.getAccessToken !== undefined;
  useEffect(() => {
    const element = ref.current!;
    if (client) element.client = client;
    else if (hasToken)
      element.getAccessToken = (options) => latest.current.getAccessToken?.(options);
  }, [client, hasToken]);
  useEffect(() => {
    if (strings) ref.current!.strings = strings;
  }, [strings]);
  useEffect(() => {
    const element = ref.current!;
    const leaving = new AbortController();
    const { signal } = leaving;
    const on = (type: string, tell: (event: Event) => void) =>
      element.addEventListener(type, tell, { signal });
    on('email-change', (event) =>
      latest.current.onEmailChange?.((event as CustomEvent<EmailChange>).detail),
    );
    on('sign-in-again', (event) =>
      latest.current.onSignInAgain?.((event as CustomEvent<EmailChange | undefined>).detail),
    );
    on('error', (event) =>
      latest.current.onError?.((event as ErrorEvent).error as EmailChangeError),
    );
    return () => leaving.abort();
  }, []);
  // By the names of attributes, which is how they stand in HTML that a server wrote.
  return createElement('readdress-change-email', {
    ref,
    'base-url': baseUrl,
    'return-to': returnTo,
    code: code ? '' : undefined,
    lang,
    class: className,
    style,
    suppressHydrationWarning: true,
  });
}

export type UseEmailChange = {
  /** The change that was asked for, as it is now. `undefined`: there is none, or it is not known yet. */
  change: EmailChange | undefined;
  /** What went wrong last: its `code` is stable. */
  error: EmailChangeError | undefined;
  /** Whether something is on its way. */
  isBusy: boolean;
  request(email: string): Promise<void>;
  resend(): Promise<void>;
  cancel(): Promise<void>;
  confirmByCode(code: string): Promise<void>;
};

/**
 * An open change of the signed-in user, followed live, and what can be done with it.
 * @example
 * const { change, error, request } = useEmailChange({ baseUrl, getAccessToken });
 */
export function useEmailChange({
  baseUrl,
  getAccessToken,
}: {
  baseUrl: string;
  getAccessToken: GetAccessToken;
}): UseEmailChange {
  const latest = useRef(getAccessToken);
  useEffect(() => {
    latest.current = getAccessToken;
  });
  const client = useMemo(
    () =>
      createEmailChangeClient({ baseUrl, getAccessToken: (options) => latest.current(options) }),
    [baseUrl],
  );
  const [change, setChange] = useState<EmailChange>();
  const [error, setError] = useState<EmailChangeError>();
  const [isBusy, setBusy] = useState(true);

  const act = useCallback(async (work: () => Promise<EmailChange | undefined>) => {
    setBusy(true);
    setError(undefined);
    try {
      setChange(await work());
    } catch (fault) {
      setError(fault as EmailChangeError);
    }
    setBusy(false);
  }, []);
  useEffect(() => void act(() => client.current()), [client, act]);

  const { id } = change ?? {};
  useEffect(() => {
    if (id === undefined) return undefined;
    const leaving = new AbortController();
    const { signal } = leaving;
    client.watch(id, setChange, { signal }).catch((fault: unknown) => {
      if (!signal.aborted) setError(fault as EmailChangeError);
    });
    return () => leaving.abort();
  }, [client, id]);

  return {
    change,
    error,
    isBusy,
    request: (email) => act(() => client.request({ email })),
    resend: () => act(() => client.resend(id!)),
    cancel: () =>
      act(async () => {
        await client.cancel(id!);
        return client.get(id!);
      }),
    confirmByCode: (code) => act(() => client.confirmByCode(id!, code)),
  };
}
