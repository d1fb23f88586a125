/** What templates may print: the names that each kind knows. docs/templates.md tells of them. */
import type { Purpose } from '../domain/email-change.ts';
import type { Template } from '../domain/mails.ts';
import type { Markup } from './engine.ts';

/** The operator's product. `null`: not set. The colours are readable on what they stand on (src/mail/brand.ts). */
export type BrandScope = {
  name: string;
  supportUrl: string | null;
  logoUrl: string | null;
  legal: string | null;
  /** The colour as it was set, and black or white for text on it; the same, moved until a line in it shows. */
  fill: string;
  onFill: string;
  edge: string;
};

/** What a mail says, in order. What a part of its kind has not is `null`. */
export type Part = {
  kind: 'text' | 'facts' | 'action';
  text: string | null;
  rows: readonly Row[] | null;
  label: string | null;
  url: string | null;
  /** The link code, in lines of groups. */
  code: readonly string[] | null;
  /** The first button of a mail. */
  primary: boolean;
};
type Row = { label: string; value: string; ltr: boolean };

export type Fact =
  | 'account'
  | 'current'
  | 'previous'
  | 'new'
  | 'typedCode'
  | 'askedAt'
  | 'askedFrom'
  | 'validUntil'
  | 'undoUntil'
  | 'waivesAt';

/** Of the body of a mail in one language, and of its subject. */
export type BodyScope = {
  template: Template;
  locale: string;
  dir: 'ltr' | 'rtl';
  brand: BrandScope;
  subject: string;
  parts: readonly Part[];
  words: { url: string; code: string };
  /** The same things by name, for sentences of one's own. */
  links: Record<Purpose | 'reset', string | null>;
  facts: Record<Fact, string | null>;
};

/** Of the frame around the bodies: a warning may come in two languages. */
export type MailScope = {
  template: Template;
  locale: string;
  dir: 'ltr' | 'rtl';
  brand: BrandScope;
  subject: string;
  preview: string;
  words: { help: string; footer: string };
  sections: readonly {
    locale: string;
    dir: 'ltr' | 'rtl';
    subject: string;
    body: Markup | string;
  }[];
};

type File = { href: string; integrity: string };

/** Of every page. */
export type PageScope = {
  locale: string;
  dir: 'ltr' | 'rtl';
  title: string;
  documentTitle: string;
  brand: Pick<BrandScope, 'name' | 'supportUrl' | 'legal'>;
  help: string;
  basePath: string;
  logo: string | null;
  sheets: readonly File[];
  script: File | null;
  languages: readonly { locale: string; name: string; href: string }[];
  languageLabel: string;
  tone: string;
  wide: boolean;
};

/** Of the page of a link. */
export type LinkScope = {
  purpose: Purpose;
  query: string;
  until: string;
  token: string;
  words: string;
  texts: readonly string[];
  templates: readonly { id: string; title: string; tone: string; texts: readonly string[] }[];
  carried: boolean;
  wrong: boolean;
  currentLabel: string;
  newLabel: string;
  untilLabel: string;
  fieldLabel: string;
  fieldHint: string;
  button: string;
  continue: string;
  retry: string;
  inApp: string | null;
  inAppText: string;
  inAppButton: string;
};

/** Of the page of an outcome or an error, and of `/`. */
export type NoticeScope = {
  texts: readonly string[];
  email: string | null;
  emailLabel: string | null;
  links: readonly { href: string; label: string }[];
  look: string | null;
};

type ProblemsScope = {
  rows: readonly { code: string; status: number; title: string; detail: string }[];
};

export type PartsOf = {
  link: LinkScope;
  notice: NoticeScope;
  problems: ProblemsScope;
};
export type PageKind = keyof PartsOf;
