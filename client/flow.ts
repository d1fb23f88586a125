/** What the element does: asks for a change, follows it, and keeps what there is to show. */
import { isEnded, isOpen, rank, type EmailChange } from './email-change.ts';
import { isPassing, type EmailChangeError } from './errors.ts';
import type { OwnChanges } from './own-changes.ts';
import { STRINGS, type Strings } from './strings.ts';
import { createView, localeOf, type Act, type Problem, type State } from './view.ts';

const RETRY_MS = 10_000;
const UNSET = { code: 'unavailable', message: 'set `client` or `getAccessToken`', status: 0 };
const MISTAKES = /^in.*-(re|tok|sc)|^not-|^un[er]/;

/** Events are fired at the host, and its attributes are read, when they matter. */
export function createFlow(host: HTMLElement) {
  const state: State = { strings: STRINGS, isLost: false, resendAt: 0 };
  let client: OwnChanges | undefined;
  /** Aborted when the element leaves the document, or is given another service. */
  let stay = new AbortController();
  let watching = stay;
  /** What the user was asked about already. */
  let suggested: string;
  let begin: (fault?: typeof UNSET) => void;
  const begun = new Promise<typeof UNSET | undefined>((resolve) => (begin = resolve));
  const view = createView(host.attachShadow({ mode: 'open' }), state, act, () =>
    fire('sign-in-again'),
  );
  const waiting = view.wait();
  /** Whoever uses this element is told what to mend, once for each thing. */
  const told: Record<string, true> = {};
  let unset: ReturnType<typeof setTimeout>;

  /** Begins with this client, as soon as there is one, or goes on where the element was taken out. */
  function start(given?: OwnChanges): void {
    stop();
    stay = new AbortController();
    state.problem = undefined;
    state.isLost = false;
    view.render();
    // Perhaps the app is at its login still, and perhaps nobody thought of it.
    if (!given) {
      unset = setTimeout(tellUnset, 3000);
      return;
    }
    client = given;
    begin();
    if (state.change) follow(state.change);
    else void load().then(() => waiting.cancel());
  }

  function stop(): void {
    stay.abort();
    watching.abort();
    clearTimeout(unset);
    view.stop();
  }

  function tellUnset(): void {
    waiting.cancel();
    tell(UNSET);
    begin(UNSET);
    state.problem = problemOf(UNSET, 'watch');
    view.render();
  }

  function tell(error: { code: string; message: string }): void {
    const { code, message } = error;
    if (told[code]) return;
    told[code] = true;
    // oxlint-disable-next-line no-console -- for whoever builds the app.
    console.warn(host, code, message);
    host.dispatchEvent(new ErrorEvent('error', { message, error }));
  }

  /** Takes up an open change. What is over is no news; what the user did meanwhile counts more. */
  async function load(): Promise<void> {
    const { signal } = stay;
    const change = await client!.current({ signal }).catch((error: unknown) => {
      // An outage at the start is no reason to miss what is under way.
      if (isPassing(error)) later(signal, load);
      return undefined;
    });
    if (isOpen(change) && !isOpen(state.change) && !state.busy && !signal.aborted) follow(change);
  }

  function follow(change: EmailChange): void {
    watching.abort();
    const { signal } = (watching = new AbortController());
    show(change);
    if (!isOpen(change) || !host.isConnected) return;
    const onChange = (latest: EmailChange): void => {
      if (signal.aborted) return;
      state.problem = undefined;
      show(latest);
    };
    client!.watch(change.id, onChange, { signal }).then(
      ({ status }) => (status === 'superseded' ? load() : undefined),
      (error: EmailChangeError) => {
        if (signal.aborted) return;
        if (error.status === 404) state.change = undefined;
        if (!state.change) return start(client);
        state.isLost = isSignedOut(error);
        // Without a status no token could be fetched: an outage of the login, to be sat out.
        if (error.status && !state.isLost) state.problem = problemOf(error, 'watch');
        view.render();
        later(signal, () => state.isLost || follow(change));
      },
    );
  }

  function show(change: EmailChange): void {
    const before = state.change;
    const isSame = before?.id === change.id;
    // Answers may overtake each other.
    if (isSame && rank(change) < rank(before)) return;
    state.change = change;
    state.resendAt = Date.parse(change.resendAfter);
    const isNews = !isSame || change.status !== before.status;
    if (isEnded(change)) view.email.value = '';
    // To be mended, or asked for again.
    else if (['expired', 'rejected'].includes(change.status)) view.email.value ||= change.email;
    view.render();
    if (isNews) fire('email-change');
  }

  function fire(type: string): void {
    const detail = state.change;
    host.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** One thing at a time; what goes wrong is said in words and changes nothing. */
  async function act(name: Act): Promise<void> {
    if (state.busy) return;
    state.busy = name;
    state.problem = undefined;
    view.render();
    try {
      const fault = client ? undefined : await begun;
      if (fault) throw fault;
      await acts[name]();
    } catch (error) {
      // What no user can mend: a wrong address, CORS, a scope, a return URL that is not allowed.
      if (navigator.onLine && MISTAKES.test(Object(error).code)) tell(error as EmailChangeError);
      const problem = problemOf(error, name);
      if (problem.words === 'commit-in-progress') void load();
      // When the change is over, that is what there is to say.
      if (name === 'email' || isOpen(state.change)) state.problem = problem;
    }
    state.busy = undefined;
    view.render();
  }

  const acts: Record<Act, () => Promise<void>> = {
    async email() {
      const email = view.email.value.trim();
      if (!/.@./.test(email)) throw slip('invalid-email');
      // Asked once: whoever presses again means it.
      if (suggested !== email) {
        suggested = email;
        // Not before somebody needs it; and nobody is stopped where it can not be loaded.
        const advice = await import('./suggest.ts').catch(() => undefined);
        if ((state.suggestion = advice?.suggestEmail(email))) throw slip('suggestion');
      }
      const returnTo = host.getAttribute('return-to');
      const locale = localeOf(host);
      follow(
        await client!.request({ email, ...(returnTo && { returnTo }), ...(locale && { locale }) }),
      );
    },
    async code() {
      const typed = view.code.value;
      const code = typed.replace(/\D/g, '');
      // Two codes may stand in one mail: the digits belong here, the long one to the link.
      if (typed.length > 15 && /[a-z]/i.test(typed)) throw slip('link-code');
      if (code.length !== 8) throw slip('invalid-code');
      show(await client!.confirmByCode(state.change!.id, code));
      view.code.value = '';
    },
    async resend() {
      show(await client!.resend(state.change!.id));
    },
    async cancel() {
      const change = state.change!;
      await client!.cancel(change.id);
      watching.abort();
      show({ ...change, status: 'canceled' });
    },
  };

  return { state, view, start, stop };
}

/** What is told from the input alone. */
const slip = (code: keyof Strings): Error => Object.assign(new Error(code), { code, status: 0 });

function problemOf(error: unknown, act: Problem['act']): Problem {
  const {
    code = 'failed',
    status = 401,
    retryAfterMs,
  } = Object(error) as Partial<EmailChangeError>;
  // What is no answer of the service was thrown where a token was asked for, whatever it says.
  const words = status === 401 ? 'signedOut' : code in STRINGS ? code : 'failed';
  return { act, words: words as keyof Strings, retryAfterMs };
}

/** OAuth, and so Auth0's SDKs, name in `error` why there is no token; a failed fetch has no name. */
function isSignedOut(fault: unknown): boolean {
  const { status, error } = Object(fault) as { status?: number; error?: unknown };
  return status === 401 || (typeof error === 'string' && error !== 'timeout');
}

function later(signal: AbortSignal, work: () => unknown): void {
  setTimeout(() => signal.aborted || work(), RETRY_MS);
}
