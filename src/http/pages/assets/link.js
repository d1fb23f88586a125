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
    const until = new Date(link.expiresAt);
    const style = { dateStyle: 'long', timeStyle: 'short' };
    put('current', link.currentEmail);
    put('new', link.email);
    put('until', until > Date.now() && until.toLocaleString(document.documentElement.lang, style));
    return ['review'];
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
