/**
 * How templates are read and printed: Liquid without files, clock or network, each template compiled once, every
 * value escaped. Markup that a template of ours made is the one thing that is printed as it is.
 */
import { Liquid, type Template } from 'liquidjs';
import { message, type Locale } from '../locales/messages.ts';
import { wrap } from '../mail/wrap.ts';

/** HTML that came out of a template. Whatever is done to it in a template makes it a text again, which is escaped. */
export class Markup {
  readonly html: string;
  constructor(html: string) {
    this.html = html;
  }
  toString(): string {
    return this.html;
  }
}

export type Kind = 'html' | 'text';
const COLUMNS = 76;

/** `sources` by name; a template may use the others by `layout` and `render`. */
function createEngine(kind: Kind, sources: Record<string, string>): Liquid {
  const engine = new Liquid({
    ...(kind === 'html' ? { outputEscape: escaped } : {}),
    ownPropertyOnly: true,
    strictVariables: true,
    strictFilters: true,
    // An `if` may ask for what is not there.
    lenientIf: true,
    parseLimit: 1e6,
    renderLimit: 2000,
    memoryLimit: 1e6,
    cache: true,
    templates: sources,
  });
  // Nothing is printed as it is.
  delete engine.filters['raw'];
  if (kind === 'text') {
    engine.registerFilter('wrap', (text: string, locale: Locale) => wrap(text, locale, COLUMNS));
    engine.registerFilter('labelled', (label: string, locale: Locale) =>
      wrap(message(locale, 'mail.label', { label }), locale, COLUMNS),
    );
  }
  return engine;
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
const escaped = (value: Markup | string | number | boolean | null | undefined): string =>
  value instanceof Markup
    ? value.html
    : String(value ?? '').replaceAll(/[&<>"']/g, (sign) => ESCAPES[sign]!);

/** Templates that belong together, compiled. */
type TemplateSet = {
  has: (name: string) => boolean;
  /** Prints the first of these that there is. */
  print: (names: readonly string[], scope: object) => string;
};
/** Compiled, or what keeps this one from it. */
export type Compiled = {
  engine: Liquid;
  parsed: ReadonlyMap<string, Template[]>;
  set: TemplateSet;
};

/** @param faulty is told which template can not be compiled; without it that is thrown. */
export function compile(
  kind: Kind,
  sources: Record<string, string>,
  faulty?: (name: string, error: Error) => void,
): Compiled {
  const engine = createEngine(kind, sources);
  const parsed = new Map<string, Template[]>();
  for (const [name, source] of Object.entries(sources)) {
    try {
      parsed.set(name, engine.parse(source, name));
    } catch (error) {
      if (!faulty || !(error instanceof Error)) throw error;
      faulty(name, error);
    }
  }
  return {
    engine,
    parsed,
    set: {
      has: (name) => parsed.has(name),
      print(names, scope) {
        const name = names.find((one) => parsed.has(one));
        if (name === undefined) throw new TypeError(`no template: ${names.join(', ')}`);
        return String(engine.renderSync(parsed.get(name)!, scope));
      },
    },
  };
}
