/** What can be told of a template without printing it: names that nobody gives it, and what a page may not hold. */
import { LiquidError, type Template, type Token } from 'liquidjs';
import type { Compiled } from './engine.ts';
import type { Own } from './own.ts';
import { samplesOf } from './samples.ts';

type Amiss = { word: string; what: string; line: number };

/** What Liquid says of a fault, in its own words, and where: in which text, and in which line of it. */
export function faultOf(error: Error): {
  what: string;
  line?: number | undefined;
  source?: string;
} {
  const what = error.message
    .replaceAll(/, (?:file:[^,]*|line:\d+|col:\d+)/g, '')
    .replace(/^ENOENT: Failed to lookup ("[^"]*").*/s, 'there is no template $1')
    .split('\n')[0]!;
  if (!LiquidError.is(error)) return { what };
  const { token } = error as LiquidError & { token: Token };
  return { what, line: token.getPosition()[0], source: token.input };
}

/** The names in a template that are none. */
export function wordsAmiss(
  { engine, parsed }: Pick<Compiled, 'engine' | 'parsed'>,
  own: Own,
): Amiss[] {
  const template = parsed.get(own.name);
  if (template === undefined) return [];
  return [
    // A part that others print is given its names by them, and tried with them.
    ...(own.name.startsWith('_') ? [] : namesAmiss(engine, template, own)),
    ...(own.sort === 'pages' ? blockedIn(own.source) : []),
  ];
}

function namesAmiss(engine: Compiled['engine'], template: Template[], own: Own): Amiss[] {
  const { variables, globals, locals } = engine.analyzeSync(template, { partials: false });
  const samples = samplesOf(own.sort, own.name);
  const isGlobal = (root: string, at: Place) =>
    globals[root]?.some(({ location: { row, col } }) => row === at.row && col === at.col) ?? false;
  return Object.entries(variables).flatMap(([root, uses]) =>
    uses.flatMap(({ segments, location }): Amiss[] => {
      const path = segments.slice(1);
      const found = isGlobal(root, location)
        ? samples.map((sample) => stranger([root, ...path], sample))
        : [root in locals ? undefined : strangerInItem(path, samples)];
      // Good where one of the things that it may be printed for knows it.
      if (found.includes(undefined)) return [];
      const word = segments.filter((one) => typeof one === 'string').join('.');
      return [{ word, what: `nothing is called ${found[0]!} here`, line: location.row }];
    }),
  );
}
type Place = { row: number; col: number };

/** The first name on this path that is none. */
function stranger(path: readonly unknown[], sample: unknown): string | undefined {
  let at = sample;
  for (const name of path) {
    if (Array.isArray(at)) {
      if (name === 'size') return undefined;
      if (typeof name === 'string' && name !== 'first' && name !== 'last') return name;
      at = merged(at);
    } else if (typeof name !== 'string') return undefined;
    else if (typeof at === 'string' && name === 'size') return undefined;
    else if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return name;
    else at = (at as Record<string, unknown>)[name];
  }
  return undefined;
}

/** Of the items of a list, as a loop names them: which list it is, only printing can tell. */
function strangerInItem(path: readonly unknown[], samples: readonly object[]): string | undefined {
  const [name] = path;
  if (typeof name !== 'string' || LOOP.includes(name)) return undefined;
  return samples.some((sample) => itemNames(sample).includes(name)) ? undefined : name;
}
const LOOP = 'index index0 rindex rindex0 first last length name size'.split(' ');

function itemNames(value: unknown): string[] {
  if (Array.isArray(value)) {
    const item = merged(value);
    return typeof item === 'object' ? [...Object.keys(Object(item)), ...itemNames(item)] : [];
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(itemNames) : [];
}

/** An item with the names of all. */
const merged = (list: readonly unknown[]): unknown =>
  typeof list[0] === 'object'
    ? Object.fromEntries(list.flatMap((one) => Object.entries(Object(one)).filter(isThere)))
    : list[0];
const isThere = ([, value]: [string, unknown]): boolean => value !== null;

/** What the policy of pages does not let a browser do: it would be there, and not work. */
const BLOCKED: [RegExp, string][] = [
  [/<style\b/i, 'write it into pages/own.css, pages carry no style of their own'],
  [/\sstyle\s*=/i, 'write it into pages/own.css, pages carry no style of their own'],
  [/<script\b(?![^>]*\ssrc\s*=)/i, 'pages carry no script of their own'],
  [/\son[a-z]+\s*=\s*["'{]/i, 'pages carry no script of their own'],
  [/javascript:/i, 'pages carry no script of their own'],
  [/<(?:base|iframe|object|embed)\b/i, 'has no place on these pages'],
  [
    /<(?:img|link|script|source|video|audio)\b[^>]*\s(?:src|srcset|href)\s*=\s*["']?(?:https?:)?\/\/[^\s"'>]*/i,
    'pages load nothing from elsewhere',
  ],
];

const blockedIn = (source: string): Amiss[] =>
  source.split('\n').flatMap((text, i) =>
    BLOCKED.flatMap(([pattern, what]) => {
      const [word] = pattern.exec(text) ?? [];
      return word === undefined ? [] : [{ word: word.trim(), what, line: i + 1 }];
    }),
  );
