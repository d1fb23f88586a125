// The page behind a mailed link. Takes the token out of the address bar, asks what it would do, and
// shows that before there is a button to press. It never submits by itself: mail scanners run
// scripts too. The server wrote all words into the page, so that they are in the reader's language.
// What is pasted is read by client/paste.js, which stands before this in the file that is served.
const byId = (id) => document.getElementById(id);

{
  const form = byId('form');
  const field = byId('token');
  const submit = byId('submit');
  const title = byId('title');
  // With CONFIRM_BY=session the app confirms, and this page only hands the link over.
  const app = byId('app');
  const { purpose, next } = form.dataset;
  // The service may stand under a path: where the form goes, the API is too.
  const inspectUrl = form.getAttribute('action').replace(/[^/]*$/, 'v1/links/inspect');
  const { lang } = document.documentElement;
  const side = { confirm: 'new', approve: 'current' }[purpose];
  const suffix = document.title.slice(title.textContent.length);
  const button = submit.textContent;
  let resting = form.dataset.words;
  let token = '';
  let reviewedAt;
  let asked = 0;

  function show(state, words = resting) {
    const { content, dataset } = byId(words);
    title.textContent = dataset.title;
    form.parentNode.dataset.tone = dataset.tone;
    document.title = dataset.title + suffix;
    byId('status').replaceChildren(content.cloneNode(true));
    byId('manual').hidden = state !== 'manual';
    byId('review').hidden = state !== 'review';
    byId('retry').hidden = state !== 'retry';
    submit.hidden = state !== 'manual' && (state !== 'review' || Boolean(app));
    form.hidden = state === 'checking' || state === 'closed';
    if (app) byId('in-app-way').hidden = state !== 'review';
    if (app && state === 'review') app.hash = token;
    submit.textContent = state === 'manual' ? next : button;
    field.ariaInvalid = String(state === 'manual' && words !== 'ready' && words !== 'missing');
    reviewedAt = state === 'review' ? performance.now() : undefined;
    if (state === 'review') field.value = token;
    // Outlives a reload, Back and a discarded tab, in no address: the token, or how it all ended.
    const isEnd = state === 'closed' && words !== 'confirmed' && words !== 'agreed';
    history.replaceState(state === 'manual' ? null : isEnd ? { end: words } : { token }, '');
  }

  function put(id, text) {
    byId(id).hidden = !text;
    byId(id).lastChild.textContent = text;
  }

  async function inspect(text) {
    token = tokenFromPaste(text);
    const mine = ++asked;
    const form = formOfPaste(text);
    if (form !== 'token') return show('manual', byId(form) ? form : 'invalid-link');
    show('checking', 'checking');
    const answer = await ask();
    if (mine === asked) show(...answer);
  }

  async function ask() {
    let response;
    let link;
    try {
      response = await fetch(inspectUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
        signal: AbortSignal.timeout?.(15_000),
      });
      link = await response.json();
    } catch {
      return ['retry', 'unreachable'];
    }
    if (response.status === 429) return ['retry', 'too-many-requests'];
    if (response.status >= 500) return ['retry', 'unreachable'];
    if (!response.ok) return ['manual', 'invalid-link'];
    if (link.purpose !== purpose) return ['manual', `other-${link.purpose}`];
    if (byId(link.status)) return ['closed', link.status];
    if (side && link.awaiting?.includes(side) === false) return ['closed', 'agreed'];
    // The language of the mail, if it is one of its reader's, unless the reader has chosen another.
    const isRead = navigator.languages.some(
      (one) => one.split('-')[0] === link.locale?.split('-')[0],
    );
    if (link.locale && link.locale !== lang && isRead && !form.action.includes('?'))
      return speak(`?lang=${link.locale}`);
    const until = new Date(link.expiresAt);
    put('current', link.displayCurrentEmail ?? link.currentEmail);
    put('new', link.displayEmail ?? link.email);
    put('until', until > Date.now() && wordsUntil(until));
    return ['review'];
  }

  /** An undo has days, and its date is enough; all else has a length, and a moment with its zone. */
  function wordsUntil(until) {
    const date = { year: 'numeric', month: 'long', day: 'numeric' };
    if (purpose === 'undo') return until.toLocaleDateString(lang, date);
    const time = { hour: 'numeric', minute: '2-digit', timeZoneName: 'short' };
    const minutes = Math.max(1, Math.round((until - Date.now()) / 60_000));
    const inMinutes = minutes < 120 && minutes !== 60;
    const [count, unit] = inMinutes
      ? [minutes, 'minute']
      : minutes < 36 * 60
        ? [Math.round(minutes / 60), 'hour']
        : [Math.round(minutes / 1440), 'day'];
    const span = count.toLocaleString(lang, { style: 'unit', unit, unitDisplay: 'long' });
    const moment = until.toLocaleString(lang, { ...date, ...time });
    return form.dataset.until.replace('{span}', () => span).replace('{moment}', () => moment);
  }

  /** The same page in another language, with the token where it came: in the fragment. */
  function speak(query) {
    location.replace(`${location.pathname}${query}${token && `#${token}`}`);
    return ['checking', 'checking'];
  }

  function start() {
    form.reset();
    const link = location.hash.slice(1) || field.value || token || history.state?.token;
    // With LINK_STYLE=query the token is in the search part.
    const search = field.value ? '' : location.search;
    history.replaceState(history.state, '', location.pathname + search);
    if (link) void inspect(link);
    else if (byId(history.state?.end)) show('closed', history.state.end);
    else show('manual', 'missing');
  }

  // After the reader asked for it, a screen reader should begin at the new heading.
  async function inspectAndFocus(text) {
    resting = 'ready';
    await inspect(text);
    title.focus();
  }

  form.addEventListener('submit', (event) => {
    // A double click on "continue" must not press the button that takes its place.
    if (performance.now() - reviewedAt > 500) return;
    event.preventDefault();
    if (reviewedAt === undefined) void inspectAndFocus(field.value);
  });
  byId('languages')?.addEventListener('click', (event) => {
    const { search } = event.target;
    if (!search) return;
    event.preventDefault();
    speak(search);
  });
  byId('retry').addEventListener('click', () => void inspectAndFocus(token));
  addEventListener('hashchange', () => {
    if (!location.hash) return;
    resting = 'ready';
    start();
  });
  addEventListener('pageshow', (event) => event.persisted && start());
  start();
  document.documentElement.dataset.started = '';
}
