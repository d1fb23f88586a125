/**
 * `<readdress-change-email>`: the whole change in one custom element. A form, the pending state with
 * resend and cancel, the live outcome, errors in words. Every node is made once and then only shown,
 * hidden and given other words, so that nobody loses the focus, and what is announced is announced
 * once. No framework, no inline style: it works under `style-src 'self'` and Trusted Types.
 */
import {
  createEmailChangeClient,
  EmailChangeError,
  type EmailChange,
  type EmailChangeClient,
  type ErrorCode,
  type Reason,
  type Status,
} from './index.ts';

/** Every word the element says. `{email}` and `{left}` (“in 5 minutes”) are filled in. */
export const STRINGS = {
  title: 'Change your email address',
  emailLabel: 'New email address',
  emailSubmit: 'Change email address',
  sending: 'Sending …',
  inviting: 'We are sending a link to {email} …',
  pending: 'We sent a link to {email}. Open it and press the button there.',
  awaitsCurrent: 'Your current mailbox has to approve it as well.',
  approving: 'The new address is confirmed. Now open the link in your current mailbox.',
  until: 'The link expires {left}.',
  waives: 'Without an answer from there the change is made {left}.',
  codeLabel: 'Or type the code from the mail',
  codeSubmit: 'Confirm',
  resend: 'Send it again',
  resendIn: 'It can be sent again {left}.',
  cancel: 'Cancel',
  confirmed: 'Confirmed. We are changing your address …',
  committed: 'Your email address is now {email}. Sign in again with it.',
  signIn: 'Sign in again',
  signedOut: 'Please sign in again to go on.',
  lost: 'Your session has ended. If you confirmed the change, sign in with {email}.',
  canceled: 'The change was canceled.',
  expired: 'The link has expired. You can ask for a new one.',
  superseded: 'A newer request took the place of this one.',
  undone: 'The change was undone from the previous mailbox.',
  rejected: 'The change could not be made.',
  'same-email': 'This is your address already.',
  'email-taken': 'Another account uses this address.',
  'address-drifted': 'Your address was changed in another way.',
  'credentials-changed': 'Your password was reset, so the change was stopped.',
  'unsupported-identity': 'Your login belongs to another provider; change the address there.',
  undeliverable: 'No mail reaches this address. Is it spelled right?',
  'invalid-email': 'This is not an address that we can mail.',
  'invalid-code': 'The code is wrong or too old.',
  'too-many-requests': 'That was too often for now.',
  'commit-in-progress': 'A change is being made right now.',
  'already-committed': 'The change has been made already.',
  'changes-locked': 'A change was undone a short time ago.',
  unavailable: 'This does not work at the moment.',
  unreachable: 'There is no connection.',
  later: 'Please try again {left}.',
  failed: 'That did not work. Please try again.',
} satisfies Record<Status, string> &
  Partial<Record<Reason | ErrorCode, string>> &
  Record<string, string>;
export type Strings = Record<keyof typeof STRINGS, string>;

const STYLE = `
:host{display:block}
:host([hidden]),[hidden]{display:none!important}
[part~=base]{display:flow-root;margin-bottom:-.75em}
[part~=base]:focus{outline:0}
p,input,button{margin:0 0 .75em}
p{overflow-wrap:anywhere}
form,[part=actions]{display:grid;gap:0 .75em;max-width:28em}
.wait{animation:wait 1s}
@keyframes wait{from,to{visibility:hidden}}
label{margin-bottom:.375em}
input,button{font:inherit;min-height:2.75em;padding:.5em .9em;border:1px solid transparent;border-radius:var(--readdress-radius,.5em);box-sizing:border-box}
input{border-color:var(--readdress-border,#767676);background:var(--readdress-field,Field);color:var(--readdress-text,FieldText)}
button{background:var(--readdress-accent,#2457d6);color:var(--readdress-on-accent,#fff);cursor:pointer}
button[part~=quiet]{background:none;color:inherit;border-color:currentColor}
button[aria-disabled=true]{opacity:.6;cursor:default}
:focus-visible{outline:3px solid var(--readdress-focus,light-dark(#2457d6,#93b2ff));outline-offset:2px}
[part=address],[part=error]{font-weight:600}
[part=error]{color:var(--readdress-error,light-dark(#b3261e,#ff8f86))}
`;
let sheet: CSSStyleSheet | undefined;

type GetAccessToken = (options: { maxAge?: number }) => string | Promise<string>;
/** Where something was asked for, and where the answer is said. */
type Place = 'email' | 'code' | 'actions';
type Problem = { place: Place; words: keyof Strings; retryAfterMs?: number | undefined };

// Pages are rendered on servers too, where there is no DOM: the import does no harm there.
const Base = globalThis.HTMLElement ?? (Object as unknown as typeof HTMLElement);

/**
 * Set the attribute `base-url` and `getAccessToken`, or a `client` of your own. Other attributes:
 * `return-to` (one of RETURN_URLS), `code` (offers a field for the code of the mail, where the
 * service runs with CODE=on), and `lang`, here or on an ancestor, for mails and times.
 *
 * Events, which bubble and leave shadow trees: `email-change` at every transition, with the change
 * as `detail`; `sign-in-again` when the user presses that button, since a change of address ends
 * the session.
 *
 * Parts: `base` (with the status as another name), `form`, `label`, `field`, `submit`, `status`,
 * `address`, `time`, `error`, `actions`, `quiet`, `sign-in`. Properties: `--readdress-accent`,
 * `-on-accent`, `-focus`, `-border`, `-field`, `-text`, `-error`, `-radius`.
 */
export class ReaddressChangeEmail extends Base {
  static readonly observedAttributes = ['base-url', 'code', 'lang'];

  #given: EmailChangeClient | undefined;
  #getAccessToken!: GetAccessToken;
  #signedIn!: () => void;
  /** The app may still be at its login when the element is there: what is asked for waits. */
  readonly #login = new Promise<void>((resolve) => (this.#signedIn = resolve));
  #strings: Strings = STRINGS;
  #client!: EmailChangeClient;
  #change: EmailChange | undefined;
  #problem: Problem | undefined;
  #busy: Place | undefined;
  /** The session ended before the outcome was seen. */
  #isLost = false;
  #resendAt = 0;
  /** Aborted when the element leaves the document, or is given another service. */
  #stay = new AbortController();
  #watching = new AbortController();
  #ticker: ReturnType<typeof setTimeout> | undefined;

  readonly #words = make('p', 'status');
  readonly #time = make('p', 'time');
  readonly #errors = {
    email: make('p', 'error', { id: 'email-error' }),
    code: make('p', 'error', { id: 'code-error' }),
    actions: make('p', 'error'),
  };
  readonly #email = this.#field('email', { type: 'email' }, () => this.#request());
  readonly #code = this.#field('code', CODE, () => this.#confirm());
  readonly #resend = this.#button('quiet', () => this.#do('actions', () => this.#sendAgain()));
  readonly #cancel = this.#button('quiet', () => this.#do('actions', () => this.#withdraw()));
  readonly #signIn = this.#button('sign-in', () => this.#fire('sign-in-again'));
  readonly #base = make(
    'div',
    'base',
    { role: 'group', tabindex: '-1' },
    live('status', this.#words),
    this.#time,
    this.#email.form,
    this.#code.form,
    live('alert', this.#errors.actions),
    make('div', 'actions', {}, this.#resend, this.#cancel, this.#signIn),
  );
  readonly #root = this.attachShadow({ mode: 'open' });

  constructor() {
    super();
    this.#root.append(this.#base);
    if (!this.#root.adoptedStyleSheets) return;
    // `style-src 'self'` would stop a style element.
    sheet ??= new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.#root.adoptedStyleSheets = [sheet];
  }

  /** Keep it: another client means another service or user, and everything starts over. */
  set client(client: EmailChangeClient | undefined) {
    if (client === this.#given) return;
    this.#given = client;
    this.#startOver();
  }
  set getAccessToken(getAccessToken: GetAccessToken) {
    this.#getAccessToken = getAccessToken;
    this.#signedIn();
    if (this.#isLost) this.#start();
  }
  /** Replaces some or all words. */
  set strings(strings: Partial<Strings>) {
    this.#strings = { ...STRINGS, ...strings };
    this.#render();
  }
  /** What stands in the field: to carry it over a login by redirect. */
  get email(): string {
    return this.#email.input.value;
  }
  set email(email: string) {
    this.#email.input.value = email;
  }
  /** The change that is shown. */
  get change(): EmailChange | undefined {
    return this.#change;
  }
  override focus(options?: FocusOptions): void {
    (this.#email.form.hidden ? this.#base : this.#email.input).focus(options);
  }

  connectedCallback(): void {
    const own = this as unknown as Record<string, unknown>;
    // What was set before the element was defined hides the accessors.
    for (const name of ['client', 'getAccessToken', 'strings', 'email'].filter((one) =>
      Object.hasOwn(own, one),
    )) {
      const value = own[name];
      delete own[name];
      own[name] = value;
    }
    this.#start();
  }
  disconnectedCallback(): void {
    this.#stay.abort();
    this.#watching.abort();
    clearTimeout(this.#ticker);
  }
  /** `moveBefore` is no reason to leave and come back. */
  connectedMoveCallback(): void {}
  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    if (name === 'base-url') this.#startOver();
    else this.#render();
  }

  #startOver(): void {
    this.#change = undefined;
    this.#start();
  }
  #start(): void {
    if (!this.isConnected) return;
    this.disconnectedCallback();
    this.#problem = undefined;
    this.#isLost = false;
    this.#client =
      this.#given ??
      createEmailChangeClient({
        baseUrl: this.getAttribute('base-url') ?? '',
        getAccessToken: (options) => this.#login.then(() => this.#getAccessToken(options)),
      });
    this.#stay = new AbortController();
    this.#render();
    if (this.#change) this.#follow(this.#change);
    else void this.#load();
  }

  /** Takes up an open change. What is over is no news; what the user did meanwhile counts more. */
  async #load(): Promise<void> {
    const { signal } = this.#stay;
    this.#email.form.className = 'wait';
    const change = await this.#client.current({ signal }).catch(() => undefined);
    if (signal.aborted) return;
    this.#email.form.className = '';
    if (isOpen(change) && !isOpen(this.#change) && !this.#busy) this.#follow(change);
  }

  #follow(change: EmailChange): void {
    this.#watching.abort();
    const { signal } = (this.#watching = new AbortController());
    this.#show(change);
    if (!isOpen(change) || !this.isConnected) return;
    this.#client
      .watch(change.id, (latest) => signal.aborted || this.#show(latest), { signal })
      .then(
        ({ status }) => (status === 'superseded' ? this.#load() : undefined),
        (error: EmailChangeError) => {
          if (signal.aborted) return;
          this.#isLost = isSignedOut(error);
          if (this.#isLost) this.#render();
          else if (error.status === 404) this.#startOver();
          else if (!error.status) setTimeout(() => signal.aborted || this.#follow(change), 10_000);
        },
      );
  }

  #show(change: EmailChange): void {
    const before = this.#change;
    const isSame = before?.id === change.id;
    // Answers may overtake each other.
    if (isSame && rank(change) < rank(before)) return;
    this.#change = change;
    this.#resendAt = Date.parse(change.resendAfter);
    const isNews = !isSame || change.status !== before.status;
    if (isNews) this.#problem = undefined;
    if (isEnded(change)) this.email = '';
    // To be mended, or asked for again.
    else if (['expired', 'rejected'].includes(change.status)) this.email ||= change.email;
    this.#render();
    if (isNews) this.#fire('email-change');
  }

  #fire(type: string): void {
    const detail = this.#change;
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** One thing at a time; what goes wrong is said in words and changes nothing. */
  async #do(place: Place, work: () => Promise<void>): Promise<void> {
    if (this.#busy) return;
    this.#busy = place;
    this.#problem = undefined;
    this.#render();
    try {
      await work();
    } catch (error) {
      const { code = 'failed', retryAfterMs } = Object(error) as Partial<EmailChangeError>;
      const words = isSignedOut(error) ? 'signedOut' : code in STRINGS ? code : 'failed';
      if (code === 'commit-in-progress') void this.#load();
      if (place === 'actions' && retryAfterMs) this.#resendAt = Date.now() + retryAfterMs;
      // When the change is over, that is what there is to say.
      if (place === 'email' || isOpen(this.#change))
        this.#problem = { place, words: words as keyof Strings, retryAfterMs };
    }
    this.#busy = undefined;
    this.#render();
  }

  async #request(): Promise<void> {
    const email = this.email.trim();
    if (!/.@./.test(email)) throw new EmailChangeError(0, { code: 'invalid-email' });
    const returnTo = this.getAttribute('return-to');
    const locale = localeOf(this);
    this.#follow(
      await this.#client.request({
        email,
        ...(returnTo && { returnTo }),
        ...(locale && { locale }),
      }),
    );
  }
  async #confirm(): Promise<void> {
    const { input } = this.#code;
    const code = input.value.replace(/\D/g, '');
    if (code.length !== 8) throw new EmailChangeError(0, { code: 'invalid-code' });
    this.#show(await this.#client.confirmByCode(this.#change!.id, code));
    input.value = '';
  }
  async #sendAgain(): Promise<void> {
    this.#show(await this.#client.resend(this.#change!.id));
  }
  async #withdraw(): Promise<void> {
    const change = this.#change!;
    await this.#client.cancel(change.id);
    this.#watching.abort();
    this.#show({ ...change, status: 'canceled' });
  }

  #render(): void {
    const [change, strings, problem, isLost] = [
      this.#change,
      this.#strings,
      this.#problem,
      this.#isLost,
    ];
    const status = change?.status ?? '';
    const isMoving = isOpen(change) && !isLost;
    const isOver = isEnded(change) || isLost;
    const focused = this.#root.activeElement;

    this.#base.setAttribute('part', `base ${status}`);
    this.#base.ariaLabel = strings.title;
    say(this.#words, change ? wordsFor(change, isLost, strings) : '', change?.email);
    for (const { id, label, input, submit } of [this.#email, this.#code]) {
      say(label, strings[`${id}Label`]);
      say(submit, this.#busy === id ? strings.sending : strings[`${id}Submit`]);
      input.ariaInvalid = String(problem?.words === `invalid-${id}`);
    }
    for (const place of ['email', 'code', 'actions'] as const)
      say(this.#errors[place], problem?.place === place ? this.#explain(problem) : '');
    say(this.#resend, strings.resend);
    say(this.#cancel, strings.cancel);
    say(this.#signIn, strings.signIn);
    for (const button of [this.#email.submit, this.#code.submit, this.#resend, this.#cancel])
      button.ariaDisabled = String(!!this.#busy);

    this.#email.form.hidden = isOpen(change) || isEnded(change);
    this.#code.form.hidden = !(
      isMoving &&
      status === 'pending' &&
      this.hasAttribute('code') &&
      awaits(change, 'new')
    );
    this.#cancel.hidden = !isMoving;
    this.#signIn.hidden = !isOver && problem?.words !== 'signedOut';
    this.#signIn.setAttribute('part', isOver ? 'sign-in' : 'sign-in quiet');
    this.#tick();
    // What had the focus is gone. On the group the reader goes on, and nothing is pressed by mistake.
    if (focused?.closest('[hidden]')) this.#base.focus({ preventScroll: true });
  }

  /** What time changes; nobody is told of that. */
  #tick(): void {
    const [change, strings] = [this.#change, this.#strings];
    const isPending = change?.status === 'pending' && !this.#isLost;
    const end = change?.waivesAt ?? change?.expiresAt ?? '';
    const left = (words: string, at: number): string =>
      isPending && at > Date.now() ? this.#fill(words, at - Date.now()) : '';
    const until = left(change?.waivesAt ? strings.waives : strings.until, Date.parse(end));
    const resendIn = left(strings.resendIn, this.#resendAt);
    say(this.#time, `${until} ${resendIn}`.trim());
    this.#resend.hidden = !isPending || !!resendIn;
    clearTimeout(this.#ticker);
    if (isPending && this.isConnected) this.#ticker = setTimeout(() => this.#tick(), 1000);
  }

  #explain({ words, retryAfterMs }: Problem): string {
    const { [words]: text, later } = this.#strings;
    return retryAfterMs ? `${text} ${this.#fill(later, retryAfterMs)}` : text;
  }
  /** With “in 5 minutes” for `{left}`. */
  #fill(text: string, ms: number): string {
    const format = new Intl.RelativeTimeFormat(localeOf(this));
    const seconds = Math.ceil(ms / 1000);
    const minutes = Math.round(seconds / 60);
    const left =
      seconds < 90
        ? format.format(seconds, 'second')
        : minutes < 90
          ? format.format(minutes, 'minute')
          : format.format(Math.round(minutes / 60), 'hour');
    return text.replace('{left}', left);
  }

  #field(id: 'email' | 'code', attributes: Attributes, work: () => Promise<void>) {
    const error = this.#errors[id];
    const label = make('label', 'label', { for: id });
    const input = make('input', 'field', {
      id,
      autocomplete: id,
      'aria-describedby': error.id,
      required: '',
      dir: 'ltr',
      ...attributes,
    });
    const submit = make('button', 'submit');
    const form = make(
      'form',
      'form',
      { novalidate: '' },
      label,
      input,
      live('alert', error),
      submit,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#do(id, work);
    });
    return { id, form, label, input, submit };
  }
  #button(part: string, press: () => unknown): HTMLButtonElement {
    const button = make('button', part, { type: 'button' });
    button.addEventListener('click', press);
    return button;
  }
}

type Attributes = Record<string, string>;
const CODE = { inputmode: 'numeric', autocomplete: 'one-time-code' };

const rank = ({ status }: EmailChange): number =>
  status === 'pending' ? 0 : status === 'confirmed' ? 1 : 2;
const isOpen = (change: EmailChange | undefined): change is EmailChange =>
  !!change && rank(change) < 2;
/** The address was changed, and the session went with it. */
const isEnded = (change: EmailChange | undefined): boolean =>
  change?.status === 'committed' || change?.status === 'undone';
const awaits = (change: EmailChange, side: 'new' | 'current'): boolean =>
  !change.awaiting || change.awaiting.includes(side);

/** OAuth, and so Auth0's SDKs, name in `error` why there is no token; a failed fetch has no name. */
function isSignedOut(fault: unknown): boolean {
  const { status, error } = Object(fault) as { status?: number; error?: unknown };
  return status === 401 || (typeof error === 'string' && error !== 'timeout');
}

function wordsFor(change: EmailChange, isLost: boolean, strings: Strings): string {
  const { status, reason = 'rejected', mailedAt } = change;
  if (isLost) return strings.lost;
  if (status === 'rejected')
    return reason in strings ? strings[reason as 'rejected'] : strings.rejected;
  if (status !== 'pending') return strings[status];
  if (!awaits(change, 'new')) return strings.approving;
  const invited = mailedAt ? strings.pending : strings.inviting;
  return change.awaiting?.[1] ? `${invited} ${strings.awaitsCurrent}` : invited;
}

function localeOf(element: HTMLElement): string | undefined {
  const { lang } = element.closest<HTMLElement>('[lang]') ?? document.documentElement;
  try {
    return Intl.getCanonicalLocales(lang)[0];
  } catch {
    return undefined;
  }
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  part: string,
  attributes: Attributes = {},
  ...children: Node[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries({ part, ...attributes }))
    element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A live region is there before its words are, and stays: else nothing is announced. */
const live = (role: 'status' | 'alert', words: HTMLElement): HTMLElement =>
  make('div', 'live', { role }, words);

/** Touches nothing that says so already. */
function say(node: HTMLElement, text: string, email = ''): void {
  const parts = text.split('{email}');
  node.hidden = !text;
  if (node.textContent === parts.join(email)) return;
  const address = make('bdi', 'address');
  address.textContent = email;
  node.replaceChildren(...parts.flatMap((part, nth) => (nth > 0 ? [address, part] : part)));
}

declare global {
  interface HTMLElementTagNameMap {
    'readdress-change-email': ReaddressChangeEmail;
  }
  interface HTMLElementEventMap {
    'email-change': CustomEvent<EmailChange>;
    'sign-in-again': CustomEvent<EmailChange | undefined>;
  }
}

if (globalThis.customElements && !customElements.get('readdress-change-email'))
  customElements.define('readdress-change-email', ReaddressChangeEmail);
