/**
 * What the element shows. Every node is made once and then only shown, hidden and given other words,
 * so that nobody loses the focus, and what is announced is announced once.
 */
import { awaits, isEnded, isOpen, type EmailChange } from './email-change.ts';
import { live, make, say, type Attributes } from './nodes.ts';
import { wordsFor, type Strings } from './strings.ts';
import { adoptStyle } from './style.ts';

/** What the user can do here, by the field or button it is done with. */
export type Act = 'email' | 'code' | 'resend' | 'cancel';
export type Problem = {
  /** What went wrong: of a field, it is said below that field. */
  act: Act | 'watch';
  words: keyof Strings;
  retryAfterMs?: number | undefined;
};

/** What the view shows. */
export type State = {
  strings: Strings;
  change?: EmailChange | undefined;
  problem?: Problem | undefined;
  busy?: Act | undefined;
  /** The session ended before the outcome was seen. */
  isLost: boolean;
  resendAt: number;
  /** The address as it was probably meant. */
  suggestion?: string | undefined;
};

const CODE = { inputmode: 'numeric', autocomplete: 'one-time-code' };

export function createView(
  root: ShadowRoot,
  state: State,
  act: (act: Act) => unknown,
  signInAgain: () => void,
) {
  const words = make('p', 'status');
  const time = make('p', 'time');
  const error = make('p', 'error');
  const email = field('email', { type: 'email' }, act);
  const code = field('code', CODE, act);
  const resend = button('quiet', () => act('resend'));
  const cancel = button('quiet', () => act('cancel'));
  const signIn = button('sign-in', signInAgain);
  const base = make(
    'div',
    'base',
    { role: 'group', tabindex: '-1' },
    live('status', words),
    time,
    email.form,
    code.form,
    live('alert', error),
    make('div', 'actions', {}, resend, cancel, signIn),
  );
  root.append(base);
  adoptStyle(root);
  let ticker: ReturnType<typeof setTimeout> | undefined;

  function render(): void {
    const { change, problem, busy, isLost, strings } = state;
    const isMoving = isOpen(change) && !isLost;
    const isOver = isEnded(change) || isLost;
    const focused = root.activeElement;

    base.part = `base ${change?.status ?? ''}`;
    base.ariaLabel = strings.title;
    say(
      words,
      change ? wordsFor(change, isLost, strings) : '',
      change?.displayEmail ?? change?.email,
    );
    const said = problem ? explain(problem) : '';
    const isBelow = [email, code].map((one) => one.render(state, said));
    say(error, isBelow.includes(true) ? '' : said);
    say(resend, strings.resend);
    say(cancel, strings.cancel);
    say(signIn, strings.signIn);
    for (const one of [resend, cancel]) one.ariaDisabled = String(!!busy);

    email.form.hidden = isMoving || isOver;
    code.form.hidden =
      !isMoving ||
      change.status !== 'pending' ||
      !root.host.hasAttribute('code') ||
      !awaits(change, 'new');
    cancel.hidden = !isMoving;
    signIn.hidden = !isOver && problem?.words !== 'signedOut';
    signIn.part = isOver ? 'sign-in' : 'sign-in quiet';
    tick();
    // What had the focus is gone. On the group the reader goes on, and nothing is pressed by mistake.
    if (focused?.closest('[hidden]')) base.focus();
  }

  /** What time changes; nobody is told of that. */
  function tick(): void {
    const { change, isLost, resendAt, strings } = state;
    const isPending = change?.status === 'pending' && !isLost;
    const left = (text: string, at: number): string =>
      isPending && at > Date.now() ? fill(text, at - Date.now()) : '';
    const { waivesAt, expiresAt } = Object(change) as Partial<EmailChange>;
    const until = left(strings[waivesAt ? 'waives' : 'until'], Date.parse(waivesAt ?? expiresAt!));
    const resendIn = left(strings.resendIn, resendAt);
    say(time, `${until} ${resendIn}`.trim());
    resend.hidden = !isPending || !!resendIn;
    stop();
    if (isPending && root.host.isConnected) ticker = setTimeout(tick, 1000);
  }
  function stop(): void {
    clearTimeout(ticker);
  }

  function explain({ act, words, retryAfterMs }: Problem): string {
    // Not the pause between two of them, which the countdown shows.
    const isSpent = act === 'resend' && words === 'too-many-requests' && retryAfterMs! > 3_600_000;
    const { [isSpent ? 'resent' : words]: text, later } = state.strings;
    if (words === 'suggestion') return text.replace('{email}', () => state.suggestion!);
    return retryAfterMs ? `${text} ${fill(later, retryAfterMs)}` : text;
  }
  /** With “in 5 minutes” for `{left}`. */
  function fill(text: string, ms: number): string {
    const seconds = Math.ceil(ms / 1000);
    const format = new Intl.RelativeTimeFormat(localeOf(root.host));
    const inUnits = (count: number, unit: Intl.RelativeTimeFormatUnit): string =>
      text.replace('{left}', format.format(Math.round(count), unit));
    if (seconds < 90) return inUnits(seconds, 'second');
    // An hour is not said as sixty minutes, an hour and a quarter is said in minutes.
    if (seconds < 5400 && Math.round(seconds / 60) !== 60) return inUnits(seconds / 60, 'minute');
    return seconds < 129_600 ? inUnits(seconds / 3600, 'hour') : inUnits(seconds / 86_400, 'day');
  }

  return {
    email: email.input,
    code: code.input,
    render,
    /** Ends the countdown. */
    stop,
    /** Keeps the form back for a moment, in case something else is to be shown. */
    wait: () => email.form.animate({ opacity: [0, 0] }, 1000),
    focus(options?: FocusOptions): void {
      (email.form.hidden ? base : email.input).focus(options);
    },
  };
}

/** The language around the element. */
export function localeOf(element: Element): string | undefined {
  const { lang } = element.closest<HTMLElement>('[lang]') ?? document.documentElement;
  try {
    return Intl.getCanonicalLocales(lang)[0];
  } catch {
    return undefined;
  }
}

function field(id: 'email' | 'code', attributes: Attributes, act: (act: Act) => unknown) {
  const error = make('p', 'error', { id: `${id}-error` });
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
  const form = make('form', 'form', { novalidate: '' }, label, input, live('alert', error), submit);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    act(id);
  });
  /** Returns whether what went wrong is said here. */
  function render({ strings, busy, problem }: State, said: string): boolean {
    const isHere = problem?.act === id;
    say(label, strings[`${id}Label`]);
    say(submit, busy === id ? strings.sending : strings[`${id}Submit`]);
    submit.ariaDisabled = String(!!busy);
    input.ariaInvalid = String(problem?.words === `invalid-${id}`);
    say(error, isHere ? said : '');
    return isHere;
  }
  return { form, input, render };
}

function button(part: string, pressed: () => unknown): HTMLButtonElement {
  const made = make('button', part, { type: 'button' });
  made.addEventListener('click', pressed);
  return made;
}
