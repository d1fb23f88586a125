/** The card about the change: ask for it, follow it live, send the link again, withdraw it. */
import { changeInWords, durationInWords, errorInWords } from './words.js';

const byId = (id) => document.getElementById(id);
const OPEN = new Set(['pending', 'confirmed']);

/**
 * @param client what `createEmailChangeClient` made
 * @param onCommitted called with the change that was made
 * @param onSessionEnd called when no access token is to be had any more
 */
export function createChangeCard({ client, onCommitted, onSessionEnd }) {
  let change;
  let watching;
  let clock;

  function render() {
    const status = change?.status;
    const isOpen = OPEN.has(status);
    const [title, text] = change
      ? changeInWords(change)
      : [
          'Change your email address',
          'We will send a link to the new address. Your account changes only when you confirm there.',
        ];
    if (byId('change-title').textContent !== title) {
      byId('change-title').textContent = title;
      if (change) byId('live').textContent = `${title}. ${text}`;
    }
    byId('change-text').textContent = text;
    byId('change').dataset.status = status ?? '';
    byId('ask').hidden = isOpen || status === 'committed';
    byId('steps').hidden = !isOpen && status !== 'committed';
    byId('steps').replaceChildren(...(change ? steps(change) : []));
    byId('cancel').hidden = status !== 'pending';
    byId('resend').hidden = status !== 'pending' || !change.awaiting?.includes('new');
    byId('again').hidden = status !== 'committed';
    tick();
    clearInterval(clock);
    if (status === 'pending') clock = setInterval(tick, 1000);
  }

  /** What changes with the time alone. */
  function tick() {
    const isPending = change?.status === 'pending';
    byId('left').hidden = !isPending;
    if (!isPending) return;
    const left = Date.parse(change.expiresAt) - Date.now();
    byId('left').textContent = left > 0 ? `The link is good for ${durationInWords(left)}.` : '';
    const cooldown = Date.parse(change.resendAfter) - Date.now();
    byId('resend').disabled = cooldown > 0;
    byId('resend').textContent =
      cooldown > 0 ? `Send the link again (${durationInWords(cooldown)})` : 'Send the link again';
  }

  function show(latest) {
    change = latest;
    render();
    if (latest?.status === 'committed') onCommitted(latest);
  }

  async function follow(latest) {
    watching?.abort();
    watching = new AbortController();
    const { signal } = watching;
    show(latest);
    await attempt(() => client.watch(latest.id, show, { signal }), signal);
  }

  /** Does it, and says in words what went wrong. */
  async function attempt(action, signal) {
    byId('problem').textContent = '';
    try {
      return await action();
    } catch (error) {
      if (signal?.aborted) return undefined;
      if (error.name === 'EmailChangeError' && error.status !== 401) {
        byId('problem').textContent = errorInWords(error);
      } else onSessionEnd(error);
      return undefined;
    }
  }

  async function ask(email) {
    const button = byId('ask').querySelector('button');
    button.disabled = true;
    const asked = await attempt(() => client.request({ email, returnTo: `${location.origin}/` }));
    button.disabled = false;
    if (!asked) return;
    byId('new-address').value = '';
    byId('change-title').focus();
    await follow(asked);
  }

  async function resend() {
    const latest = await attempt(() => client.resend(change.id));
    if (latest) show(latest);
  }

  byId('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    void ask(byId('new-address').value);
  });
  byId('resend').addEventListener('click', () => void resend());
  byId('cancel').addEventListener('click', () => void attempt(() => client.cancel(change.id)));

  return {
    ask,
    /** Shows the form, or takes up a change that is under way. */
    async start() {
      render();
      const current = await attempt(() => client.current());
      if (current && OPEN.has(current.status)) await follow(current);
    },
  };
}

function steps({ status, mailedAt, awaiting = [] }) {
  const done = status === 'committed';
  const confirmed = done || status === 'confirmed';
  const list = [
    ['Asked for', true],
    ['Link mailed', confirmed || mailedAt !== undefined],
    ['New mailbox confirmed', confirmed || !awaiting.includes('new')],
    ...(awaiting.includes('current') ? [['Current mailbox approved', false]] : []),
    ['Address changed', done],
  ];
  const current = list.findIndex(([, isDone]) => !isDone);
  return list.map(([text, isDone], index) => {
    const item = document.createElement('li');
    item.textContent = text;
    item.className = isDone ? 'done' : '';
    if (index === current) item.setAttribute('aria-current', 'step');
    return item;
  });
}
