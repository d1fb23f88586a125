/** A template tag for HTML that escapes everything it is given, except HTML it made itself. */
export interface Html {
  readonly text: string;
}

type Part = string | number | Html | Html[];

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function asText(part: Part): string {
  if (Array.isArray(part)) return part.map((item) => item.text).join('');
  if (typeof part === 'object') return part.text;
  return String(part).replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** HTML as it stands. Never for text that came from outside. */
export function raw(text: string): Html {
  return { text };
}

export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return raw(String.raw({ raw: strings }, ...parts.map(asText)));
}
