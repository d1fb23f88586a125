/** The templates that come along, and which may take another's place. Read once, when this module loads. */
import { readFileSync } from 'node:fs';
import { compile, type Compiled } from './engine.ts';

const read = (path: string): string =>
  readFileSync(new URL(`./${path}.liquid`, import.meta.url), 'utf8');

export const SOURCES = {
  html: { layout: read('mails/layout.html'), body: read('mails/body.html') },
  text: { layout: read('mails/layout.text'), body: read('mails/body.text') },
  subject: {},
  pages: {
    layout: read('pages/layout'),
    link: read('pages/link'),
    notice: read('pages/notice'),
    problems: read('pages/problems'),
  },
} satisfies Record<string, Record<string, string>>;

/** Of mails their HTML, their text and their subjects; and pages. */
export type Sort = keyof typeof SOURCES;
export const SORTS = Object.keys(SOURCES) as Sort[];
export const kindOf = (sort: Sort): 'html' | 'text' =>
  sort === 'html' || sort === 'pages' ? 'html' : 'text';

/** All templates of a deployment. */
export type Templates = Record<Sort, Compiled['set']> & {
  /** A style sheet that the pages load last, and a picture for their head. */
  css?: string;
  logo?: { type: string; body: Buffer };
};

export const BUILT_IN: Templates = Object.fromEntries(
  SORTS.map((sort) => [sort, compile(kindOf(sort), SOURCES[sort]).set]),
) as Record<Sort, Compiled['set']>;
