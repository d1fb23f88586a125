/** The page that shows the gallery: one kind at a time, in each language, light or dark, on a phone or a desk. */
import type { Locale } from '../src/locales/messages.ts';

const STYLE = `:root{font:100%/1.5 system-ui,sans-serif}body{margin:0}
form{position:sticky;top:0;display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;padding:.75rem 1rem;background:Canvas;border-bottom:1px solid}
main{display:flex;flex-wrap:wrap;gap:1.5rem;padding:1rem}figure{margin:0}figcaption a{color:inherit}
iframe{display:block;border:1px solid #888;width:var(--w);height:640px;background:Canvas}`;

const SCRIPT = `const form = document.querySelector('form');
const main = document.querySelector('main');
const WIDTHS = { phone: 375, small: 320, desktop: 900 };
function show() {
  const { what, language, mode, device } = Object.fromEntries(new FormData(form));
  history.replaceState(null, '', '#' + new URLSearchParams(new FormData(form)));
  main.style.setProperty('--w', WIDTHS[device] + 'px');
  main.replaceChildren(...NAMES[what].map((name) => {
    const path = language + '/' + what + '/' + name + '.html';
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    const link = document.createElement('a');
    const frame = document.createElement('iframe');
    Object.assign(link, { href: path, textContent: name });
    Object.assign(frame, { src: path, title: name, loading: 'lazy' });
    frame.style.colorScheme = mode;
    caption.append(link);
    if (what === 'mails') {
      const text = document.createElement('a');
      Object.assign(text, { href: path.replace('.html', '.txt'), textContent: 'text' });
      caption.append(' · ', text);
    }
    figure.append(caption, frame);
    return figure;
  }));
}
for (const [name, value] of new URLSearchParams(location.hash.slice(1)))
  if (form.elements[name]) form.elements[name].value = value;
form.addEventListener('change', show);
show();`;

const choice = (name: string, label: string, options: readonly string[]): string =>
  `<label>${label} <select name="${name}">${options
    .map((one) => `<option>${one}</option>`)
    .join('')}</select></label>`;

export const indexPage = (
  names: ReadonlyMap<string, readonly string[]>,
  locales: readonly Locale[],
): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Readdress: mails, pages, element</title><style>${STYLE}</style></head>
<body><form>${choice('what', 'Show', [...names.keys()])}${choice('language', 'in', locales)}
${choice('mode', 'mode', ['light', 'dark'])}${choice('device', 'on', ['phone', 'small', 'desktop'])}</form>
<main></main>
<script>const NAMES = ${JSON.stringify(Object.fromEntries(names))};
${SCRIPT}</script></body></html>
`;
