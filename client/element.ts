/**
 * `<readdress-change-email>`: the whole change in one custom element. A form, the pending state with
 * resend and cancel, the live outcome, errors in words. No framework, no inline style: it works under
 * `style-src 'self'` and Trusted Types.
 */
// oxlint-disable-next-line typescript/triple-slash-reference -- an import would be left in the code.
/// <reference path="./jsx.d.ts" preserve="true" />
import type { EmailChange } from './email-change.ts';
import { createFlow } from './flow.ts';
import { createCall } from './calls.ts';
import type { EmailChangeClient, GetAccessToken } from './index.ts';
import { createOwnChanges } from './own-changes.ts';
import { STRINGS, type Strings } from './strings.ts';

export { STRINGS, type Strings } from './strings.ts';

// Pages are rendered on servers too, where there is no DOM: the import does no harm there.
const Base = globalThis.HTMLElement ?? (Object as unknown as typeof HTMLElement);

/**
 * Set the attribute `base-url` and `getAccessToken`, or a `client` of your own. Other attributes:
 * `return-to` (one of RETURN_URLS), `code` (offers a field for the code of the mail, where the
 * service runs with CODE=on), and `lang`, here or on an ancestor, for mails and times.
 *
 * Events, which bubble and leave shadow trees: `email-change` at every transition, with the change
 * as `detail`; `sign-in-again` when the user presses that button, since a change of address ends
 * the session. `error`, which does not bubble, when the app has to be mended (a wrong `base-url`, CORS, a
 * missing scope, a return URL that is not allowed): `error.code` is stable, and the console says the same.
 *
 * Parts: `base` (with the status as another name), `form`, `label`, `field`, `submit`, `status`,
 * `address`, `time`, `error`, `actions`, `quiet`, `sign-in`. Properties: `--readdress-accent`,
 * `-on-accent`, `-focus`, `-border`, `-field`, `-text`, `-error`, `-radius`.
 */
export class ReaddressChangeEmail extends Base {
  static readonly observedAttributes = ['base-url', 'code', 'lang'];

  #client: EmailChangeClient | undefined;
  #getAccessToken: GetAccessToken | undefined;
  readonly #flow = createFlow(this);

  /** In place of `base-url` and `getAccessToken`. Keep it: another one means another service or user, and everything starts over. */
  get client(): EmailChangeClient | undefined {
    return this.#client;
  }
  set client(client: EmailChangeClient | undefined) {
    if (client === this.#client) return;
    this.#client = client;
    this.#startOver();
  }
  /**
   * Asked with every call, for what Auth0's SDKs return: `getTokenSilently()`, or with `maxAge` (seconds) a new
   * login, `getTokenWithPopup({ authorizationParams: { max_age: maxAge } })`. `undefined`, and whatever it throws,
   * shows that the user has to sign in again.
   */
  get getAccessToken(): GetAccessToken | undefined {
    return this.#getAccessToken;
  }
  set getAccessToken(getAccessToken: GetAccessToken | undefined) {
    const isFirst = !this.#getAccessToken;
    this.#getAccessToken = getAccessToken;
    if (isFirst || this.#flow.state.isLost) this.connectedCallback();
  }
  /** Replaces some or all words: `TRANSLATIONS.de`, or what you write. Reads as all that are shown. */
  get strings(): Strings {
    return this.#flow.state.strings;
  }
  set strings(strings: Partial<Strings>) {
    this.#flow.state.strings = { ...STRINGS, ...strings };
    this.#flow.view.render();
  }
  /** What stands in the field: to carry it over a login by redirect. */
  get email(): string {
    return this.#flow.view.email.value;
  }
  set email(email: string) {
    this.#flow.view.email.value = email;
  }
  /** The change that is shown. */
  get change(): EmailChange | undefined {
    return this.#flow.state.change;
  }
  override focus(options?: FocusOptions): void {
    this.#flow.view.focus(options);
  }

  connectedCallback(): void {
    const own = this as unknown as Record<string, unknown>;
    // What was set before the element was defined hides the accessors.
    for (const [name, value] of Object.entries(own)) {
      delete own[name];
      own[name] = value;
    }
    if (!this.isConnected) return;
    // The app may still be at its login: until one of the two is set, what is asked for waits.
    this.#flow.start(
      this.#client ??
        (this.#getAccessToken &&
          createOwnChanges(
            createCall({
              baseUrl: this.getAttribute('base-url') ?? '',
              getAccessToken: (options) => this.#getAccessToken!(options),
            }),
          )),
    );
  }
  disconnectedCallback(): void {
    this.#flow.stop();
  }
  /** `moveBefore` is no reason to leave and come back. */
  connectedMoveCallback(): void {}
  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (name !== 'base-url') this.#flow.view.render();
    else if (before !== after) this.#startOver();
  }

  #startOver(): void {
    this.#flow.state.change = undefined;
    this.connectedCallback();
  }
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
