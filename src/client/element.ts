/**
 * `<readdress-change-email>`: the whole change in one custom element. A form, the pending state with
 * resend and cancel, the live outcome, errors in words. No framework; themable by parts and custom
 * properties; strings can be replaced.
 */
import {
  createEmailChangeClient,
  EmailChangeError,
  type EmailChange,
  type EmailChangeClient,
  type ErrorCode,
  type Reason,
} from './index.ts';

/** Every word the element says. `{email}`, `{time}` and `{seconds}` are filled in. */
export const STRINGS = {
  label: 'New email address',
  submit: 'Change email address',
  sending: 'Sending …',
  pending: 'We sent a link to {email}. Open it and press the button there.',
  awaitsCurrent: 'Your current mailbox has to approve the change as well.',
  until: 'The link works until {time}.',
  codeLabel: 'Or type the code from the mail',
  codeSubmit: 'Confirm',
  resend: 'Send it again',
  resendIn: 'Send it again in {seconds} s',
  cancel: 'Cancel',
  confirmed: 'Confirmed. We are changing your address …',
  committed: 'Your email address is now {email}. Sign in again with it.',
  signIn: 'Sign in again',
  canceled: 'The change was canceled.',
  expired: 'The link has expired. You can ask for a new one.',
  superseded: 'A newer request took the place of this one.',
  undone: 'The change was undone from the previous mailbox.',
  rejected: 'The change could not be made.',
  'same-email': 'This is your address already.',
  'email-taken': 'Another account uses this address.',
  undeliverable: 'No mail can be delivered to this address. Is it spelled right?',
  'address-drifted': 'Your address was changed in another way meanwhile.',
  'credentials-changed': 'Your password was reset meanwhile, so the change was stopped.',
  'invalid-email': 'This is not an address that we can mail.',
  'invalid-code': 'The code is wrong or too old.',
  'too-many-requests': 'Please wait a little and try again.',
  'commit-in-progress': 'A change is being made right now. Please wait.',
  'changes-locked': 'A change was undone a short time ago. Please try again tomorrow.',
  'unsupported-identity': 'Your login belongs to another provider; change the address there.',
  failed: 'That did not work. Please try again.',
} satisfies Partial<Record<ErrorCode | Reason | EmailChange['status'], string>> &
  Record<string, string>;
export type Strings = Record<keyof typeof STRINGS, string>;

const STYLE = `
:host{display:block;font:inherit;color:inherit}
form,div{display:grid;gap:.75em;max-width:28em}
label{display:grid;gap:.25em}
input,button{font:inherit;min-height:2.75em;padding:0 .9em;border-radius:var(--readdress-radius,.5em);box-sizing:border-box}
input{border:1px solid var(--readdress-border,#767676);background:var(--readdress-field,Field);color:var(--readdress-text,FieldText)}
button{border:1px solid transparent;background:var(--readdress-accent,#2457d6);color:var(--readdress-on-accent,#fff);cursor:pointer}
button[part~=quiet]{background:none;color:inherit;border-color:currentColor}
button[disabled]{opacity:.6;cursor:default}
:focus-visible{outline:3px solid var(--readdress-accent,#2457d6);outline-offset:2px}
p{margin:0;overflow-wrap:anywhere}
[part=error]{color:var(--readdress-error,#c4221a);font-weight:600}
[hidden]{display:none}
@media(prefers-color-scheme:dark){[part=error]{color:var(--readdress-error,#ff8a80)}}
`;

/**
 * Set `baseUrl` (or the attribute `base-url`) and `getAccessToken`, or a `client` of your own.
 * Fires `email-change` with the change as `detail` at every transition, and `sign-in-again` when
 * the user presses the button after the commit, which ends the session.
 *
 * Parts: `form`, `field`, `submit`, `status`, `error`, `actions`, `quiet`.
 * Properties: `--readdress-accent`, `-on-accent`, `-border`, `-field`, `-text`, `-error`, `-radius`.
 */
export class ReaddressChangeEmail extends HTMLElement {
  getAccessToken?: (options: { maxAge?: number }) => string | Promise<string>;
  /** Offers a field for the code of the mail (the service runs with CODE=on). */
  code = false;
  #client: EmailChangeClient | undefined;
  #strings: Strings = STRINGS;
  #root = this.attachShadow({ mode: 'open' });
  #change: EmailChange | undefined;
  #error = '';
  #busy = false;
  #left: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  set client(client: EmailChangeClient) {
    this.#client = client;
  }
  get client(): EmailChangeClient {
    return (this.#client ??= createEmailChangeClient({
      baseUrl: this.getAttribute('base-url') ?? '',
      getAccessToken: (options) => this.getAccessToken?.(options) ?? '',
    }));
  }
  /** Replaces some or all words. */
  set strings(strings: Partial<Strings>) {
    this.#strings = { ...STRINGS, ...strings };
    if (this.isConnected) this.#render();
  }

  connectedCallback(): void {
    this.code ||= this.hasAttribute('code');
    this.#left = new AbortController();
    this.#render();
    // The host sets its properties right after it created the element.
    queueMicrotask(() => void this.#do(async () => this.#follow(await this.client.current())));
  }
  disconnectedCallback(): void {
    this.#left?.abort();
    clearTimeout(this.#timer);
  }

  /** One thing at a time; what goes wrong is said in words and changes nothing. */
  async #do(work: () => Promise<void> | void): Promise<void> {
    const { signal } = this.#left!;
    this.#busy = true;
    this.#error = '';
    this.#render();
    try {
      await work();
    } catch (error) {
      const code = error instanceof EmailChangeError ? error.code : 'failed';
      this.#error = this.#say(code in this.#strings ? (code as keyof Strings) : 'failed');
    }
    this.#busy = false;
    if (!signal.aborted) this.#render();
  }

  #follow(change: EmailChange | undefined): void {
    this.#show(change);
    if (change?.status !== 'pending' && change?.status !== 'confirmed') return;
    const left = this.#left!;
    this.client
      .watch(change.id, (latest) => this.#change?.id === latest.id && this.#show(latest), left)
      .catch(() => undefined);
  }

  #show(change: EmailChange | undefined): void {
    const news = change && change.status !== this.#change?.status;
    this.#change = change;
    this.#render();
    if (news) this.#fire('email-change', change);
  }

  #fire(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  #say(key: keyof Strings, values: Record<string, string | number> = {}): string {
    return this.#strings[key].replace(/\{(\w+)\}/g, (_, name: string) =>
      String(values[name] ?? ''),
    );
  }

  #render(): void {
    clearTimeout(this.#timer);
    const focused = this.#root.activeElement?.id;
    const typed = this.#root.querySelector<HTMLInputElement>('input')?.value;
    const change = this.#change;
    const open = change?.status === 'pending' || change?.status === 'confirmed';
    const style = make('style', { textContent: STYLE });
    const status = make('p', { textContent: change ? this.#words(change) : '' }, 'status');
    status.setAttribute('role', 'status');
    status.hidden = !change;
    const error = make('p', { textContent: this.#error, id: 'error' }, 'error');
    error.setAttribute('role', 'alert');
    error.hidden = !this.#error;
    const below =
      change?.status === 'pending'
        ? this.#actions(change)
        : change?.status === 'committed'
          ? [this.#button('signIn', () => this.#fire('sign-in-again', change))]
          : [];
    this.#root.replaceChildren(style, status, error, ...below, ...(open ? [] : [this.#form()]));
    const input = this.#root.querySelector<HTMLInputElement>('input');
    if (input && typed && !(input.id === 'email' && change?.status === 'committed'))
      input.value = typed;
    if (focused) this.#root.getElementById(focused)?.focus();
  }

  #words(change: EmailChange): string {
    const values = { email: change.email };
    if (change.status === 'rejected') {
      const reason = change.reason ?? 'rejected';
      return this.#say(reason in this.#strings ? (reason as keyof Strings) : 'rejected', values);
    }
    const said = this.#say(change.status, values);
    if (change.status !== 'pending') return said;
    const time = new Intl.DateTimeFormat(this.lang || undefined, { timeStyle: 'short' });
    const until = this.#say('until', { time: time.format(new Date(change.expiresAt)) });
    return change.awaiting?.includes('current')
      ? `${said} ${this.#say('awaitsCurrent')} ${until}`
      : `${said} ${until}`;
  }

  #form(): HTMLElement {
    const input = make(
      'input',
      { id: 'email', type: 'email', required: true, autocomplete: 'email' },
      'field',
    );
    return this.#entry(input, 'label', 'submit', async () => {
      this.#follow(
        await this.client.request({
          email: input.value.trim(),
          ...(this.lang ? { locale: this.lang } : {}),
        }),
      );
    });
  }

  #entry(
    input: HTMLInputElement,
    label: 'label' | 'codeLabel',
    submit: 'submit' | 'codeSubmit',
    work: () => Promise<void>,
  ): HTMLElement {
    const form = make('form', {}, 'form');
    const labelled = make('label', { textContent: this.#say(label) });
    if (this.#error) {
      input.setAttribute('aria-invalid', 'true');
      input.setAttribute('aria-describedby', 'error');
    }
    labelled.append(input);
    const button = make('button', { id: submit, disabled: this.#busy }, 'submit');
    button.textContent = this.#say(this.#busy ? 'sending' : submit);
    form.append(labelled, button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.#busy) void this.#do(work);
    });
    return form;
  }

  #actions(change: EmailChange): HTMLElement[] {
    const box = make('div', {}, 'actions');
    const seconds = Math.ceil((Date.parse(change.resendAfter) - Date.now()) / 1000);
    const resend = this.#button('resend', () =>
      this.#do(async () => this.#show(await this.client.resend(change.id))),
    );
    if (seconds > 0) {
      resend.disabled = true;
      resend.textContent = this.#say('resendIn', { seconds });
      this.#timer = setTimeout(() => this.#render(), 1000);
    }
    const cancel = this.#button('cancel', () =>
      this.#do(async () => {
        await this.client.cancel(change.id);
        this.#show({ ...change, status: 'canceled' });
      }),
    );
    box.append(resend, cancel);
    if (!this.code || !change.awaiting?.includes('new')) return [box];
    const digits = make(
      'input',
      {
        id: 'code',
        required: true,
        inputMode: 'numeric',
        autocomplete: 'one-time-code',
        pattern: '\\d{4} ?\\d{4}',
      },
      'field',
    );
    const entry = this.#entry(digits, 'codeLabel', 'codeSubmit', async () =>
      this.#show(await this.client.confirmByCode(change.id, digits.value)),
    );
    return [entry, box];
  }

  #button(label: 'resend' | 'cancel' | 'signIn', press: () => void): HTMLButtonElement {
    const button = make(
      'button',
      { id: label, type: 'button', textContent: this.#say(label) },
      'quiet',
    );
    button.disabled = this.#busy;
    button.addEventListener('click', press);
    return button;
  }
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  part?: string,
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  if (part) element.setAttribute('part', part);
  return element;
}

if (!customElements.get('readdress-change-email'))
  customElements.define('readdress-change-email', ReaddressChangeEmail);
