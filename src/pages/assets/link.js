// The page behind a mailed link. Takes the token out of the address bar, asks what it would do, and
// shows that before there is a button to press. It never submits by itself: mail scanners run
// scripts too. The server wrote all words into the page, so that they are in the reader's language.
'use strict';

const byId = (id) => document.getElementById(id);

// A gateway may add to a fragment, and people paste whole links, or codes in groups.
function tokenIn(text) {
  const bare = text.replace(/\s/g, '');
  return /(?:^|[^\w-])([\w-]{64})(?![\w-])/.exec(bare)?.[1] ?? bare;
}

{
  const [title, status, review, form, manual, field, submit, retry] = [
    'title',
    'status',
    'review',
    'form',
    'manual',
    'token',
    'submit',
    'retry',
  ].map(byId);
  const first = {
    heading: title.textContent,
    document: document.title,
    status: [...status.childNodes],
    token: field.defaultValue,
  };
  const button = submit.textContent;
  let token = '';
  let reviewedAt;
  let asked = 0;

  function say(words) {
    const template = words && byId(words);
    const heading = template ? template.dataset.title : first.heading;
    title.textContent = heading;
    document.title = first.document.replace(first.heading, () => heading);
    status.replaceChildren(...(template ? [template.content.cloneNode(true)] : first.status));
  }

  function show(state, words) {
    reviewedAt = state === 'review' ? performance.now() : undefined;
    manual.hidden = state !== 'manual';
    review.hidden = state !== 'review';
    submit.hidden = state !== 'manual' && state !== 'review';
    submit.textContent = state === 'manual' ? form.dataset.continue : button;
    retry.hidden = state !== 'retry';
    say(words);
  }

  function put(id, text) {
    byId(id).hidden = !text;
    byId(id).lastChild.textContent = text;
  }

  async function inspect(text) {
    token = tokenIn(text);
    const mine = ++asked;
    show('checking', 'checking');
    const [state, words] = await ask();
    if (mine === asked) show(state, words);
  }

  async function inspectAndFocus(text) {
    await inspect(text);
    title.focus();
  }

  async function ask() {
    let answer;
    let link;
    try {
      answer = await fetch('/v1/links/inspect', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
        signal: AbortSignal.timeout?.(15_000),
      });
      link = await answer.json();
    } catch {
      return ['retry', 'unreachable'];
    }
    if (answer.status === 429) return ['retry', 'too-many-requests'];
    if (answer.status >= 500) return ['retry', 'unreachable'];
    if (!answer.ok || link.purpose !== form.dataset.purpose) return ['manual', 'invalid-link'];
    if (byId(link.status)) return ['closed', link.status];
    const until = new Date(link.expiresAt);
    const time = { dateStyle: 'long', timeStyle: 'short' };
    put('current', link.currentEmail);
    put('new', link.email);
    put('until', until > Date.now() && until.toLocaleString(document.documentElement.lang, time));
    return ['review'];
  }

  function start() {
    const link = location.hash.slice(1) || first.token;
    const search = first.token ? '' : location.search;
    history.replaceState(null, '', location.pathname + search);
    if (link || token) void inspect(link || token);
    else show('manual');
  }

  form.addEventListener('submit', (event) => {
    // A double click on "continue" must not press the button that takes its place.
    if (performance.now() - reviewedAt > 500) field.value = token;
    else event.preventDefault();
    if (reviewedAt === undefined) void inspectAndFocus(field.value);
  });
  retry.addEventListener('click', () => void inspectAndFocus(token));
  addEventListener('hashchange', () => location.hash && start());
  addEventListener('pageshow', (event) => event.persisted && start());
  start();
  document.documentElement.dataset.ready = '';
}
