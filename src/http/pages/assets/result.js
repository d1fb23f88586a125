// The page of a change that is on its way: asks how it went, with growing pauses, and puts the answer
// into the live region that is there, so that it is read out once and no reader loses their place.
{
  const byId = (id) => document.getElementById(id);
  const region = byId('status');
  const suffix = document.title.slice(region.querySelector('h1').textContent.length);
  const MAX_PAUSE_MS = 30_000;

  const paragraph = (text) => {
    const made = document.createElement('p');
    made.textContent = text;
    return made;
  };

  function show({ title, texts, tone, email, links }) {
    const heading = document.createElement('h1');
    heading.textContent = title;
    region.replaceChildren(heading, ...texts.map(paragraph));
    document.title = title + suffix;
    document.querySelector('main').dataset.tone = tone;
    byId('look').remove();
    byId('address').hidden = !email;
    byId('address').querySelector('dd').textContent = email ?? '';
    byId('next').replaceChildren(
      ...links.map(({ href, label }) => {
        const way = document.createElement('a');
        way.className = 'button';
        way.href = href;
        way.textContent = label;
        const line = document.createElement('p');
        line.append(way);
        return line;
      }),
    );
  }

  async function look(pauseMs) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const answer = await fetch(location.href, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout?.(15_000),
    }).catch(() => undefined);
    // The receipt has run out, or this is no page of ours any more: the link on it still leads on.
    if (answer && answer.status < 500 && answer.status !== 429 && !answer.ok) return;
    const words = answer?.ok ? await answer.json().catch(() => undefined) : undefined;
    if (words && !words.passing) return show(words);
    return look(Math.min(pauseMs * 1.5, MAX_PAUSE_MS));
  }
  void look(1000);
}
