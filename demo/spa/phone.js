/** Plays the native app: takes a link, shows what it would do, and does it when told to. */
import { createEmailChangeClient } from 'readdress/client';
import { STRINGS } from 'readdress/element';

const byId = (id) => document.getElementById(id);

const { api } = await (await fetch('/settings.json')).json();
const client = createEmailChangeClient({ baseUrl: api });

const PURPOSES = {
  confirm: ['Confirm your new address', 'Confirm', client.confirm],
  approve: ['Approve the new address', 'Approve', client.approve],
  cancel: ['Cancel the change', 'Cancel the change', client.cancelByLink],
  undo: ['Undo the change', 'Undo the change', client.undo],
};

const OUTCOMES = {
  pending: 'Recorded. The other mailbox has to agree too.',
  confirmed: 'Recorded. The change will be made shortly.',
  committed: 'Done. From now on, sign in with the new address.',
  canceled: 'Cancelled. The account keeps its address.',
  expired: 'This link has expired. Nothing has changed.',
  superseded: 'A newer request has replaced this one. Use the link in the newest mail.',
  undone: 'Undone. The account has its previous address again.',
};

let shown = '';
let opened;

async function listMails() {
  const mails = await (await fetch('/phone/mails')).json().catch(() => []);
  if (JSON.stringify(mails) === shown) return;
  shown = JSON.stringify(mails);
  byId('none').hidden = mails.length > 0;
  byId('list').replaceChildren(
    ...mails.map(({ to, subject, link }) => {
      const button = document.createElement('button');
      const [title, address] = [document.createElement('strong'), document.createElement('span')];
      title.textContent = subject;
      address.textContent = `To ${to}`;
      button.append(title, address);
      button.addEventListener('click', () => void open(link));
      const item = document.createElement('li');
      item.append(button);
      return item;
    }),
  );
}

/** What the app does when the system hands it a link. */
async function open(link) {
  opened = { link };
  turnTo('app');
  byId('title').textContent = 'Looking at the link …';
  byId('facts').replaceChildren();
  byId('text').textContent = '';
  byId('use').hidden = true;
  try {
    const inspection = await client.inspect(link);
    const [title, action] = PURPOSES[inspection.purpose];
    opened = { link, ...inspection };
    byId('title').textContent = title;
    byId('facts').replaceChildren(
      ...fact('Account', inspection.currentEmail),
      ...fact('New address', inspection.email),
    );
    const isSpent = isOver(inspection);
    byId('text').textContent = isSpent ? outcomeInWords(inspection) : '';
    byId('use').hidden = isSpent;
    byId('use').textContent = action;
  } catch (error) {
    sayWhy(error);
  }
  byId('title').focus();
}

const isOver = ({ purpose, status }) =>
  purpose === 'undo' ? status !== 'committed' : status !== 'pending';

async function use() {
  byId('use').disabled = true;
  byId('text').textContent = 'One moment …';
  try {
    const outcome = await PURPOSES[opened.purpose][2](opened.link, { wait: 10 });
    byId('title').textContent = outcome.status === 'rejected' ? 'It did not work' : 'Thank you';
    byId('text').textContent = outcomeInWords(outcome);
    byId('use').hidden = true;
  } catch (error) {
    sayWhy(error);
  } finally {
    byId('use').disabled = false;
  }
}

function sayWhy(error) {
  const isDead = error.code === 'invalid-link';
  byId('title').textContent = isDead ? 'This link does not work' : 'Please try again';
  byId('text').textContent = isDead
    ? 'It is incomplete, or a newer mail has replaced it.'
    : (STRINGS[error.code] ?? STRINGS.failed);
}

const outcomeInWords = ({ status, reason }) =>
  OUTCOMES[status] ?? STRINGS[reason] ?? STRINGS.rejected;

function fact(label, value) {
  if (value === undefined) return [];
  const [term, description] = [document.createElement('dt'), document.createElement('dd')];
  term.textContent = label;
  description.textContent = value;
  return [term, description];
}

function turnTo(screen) {
  for (const id of ['mails', 'app']) byId(id).hidden = id !== screen;
}

byId('use').addEventListener('click', () => void use());
byId('back').addEventListener('click', () => turnTo('mails'));
byId('paste').addEventListener('submit', (event) => {
  event.preventDefault();
  void open(byId('pasted').value);
});

setInterval(() => void listMails(), 1500);
await listMails();
// The service can mail links that lead here: CONFIRM_URL.
if (location.hash) {
  const link = location.href;
  history.replaceState({}, '', location.pathname);
  await open(link);
}
