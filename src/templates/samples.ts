/** One of everything that templates may print: what they are tried with at the start. */
import { PURPOSES, type Purpose } from '../domain/email-change.ts';
import { MAILS, type Template } from '../domain/mails.ts';
import type { Sort } from './built-in.ts';
import type { Markup } from './engine.ts';
import type {
  BodyScope,
  BrandScope,
  LinkScope,
  MailScope,
  NoticeScope,
  PageKind,
  PageScope,
  Part,
  PartsOf,
} from './scopes.ts';

/** `bare`: what may be missing is missing. `still`: a page on which nothing moves, and so without a script. */
export type Sampled = { locale: string; bare?: boolean; still?: boolean };
type Given = Required<Sampled>;
const PLAIN = { bare: false, still: false };

const unless = <T>(bare: boolean, value: T): T | null => (bare ? null : value);
export const SAMPLE_LINK = (purpose: Purpose | 'reset'): string =>
  `https://account.example.com/${purpose}#${purpose.padEnd(64, '0')}`;

const brand = ({ bare }: Given): BrandScope => ({
  name: 'Example',
  supportUrl: unless(bare, 'https://example.com/help'),
  logoUrl: unless(bare, 'https://example.com/logo.png'),
  legal: unless(bare, 'Example Ltd, 1 High Street, London'),
  fill: '#2457d6',
  onFill: '#ffffff',
  edge: '#3a68da',
});
const dirOf = (locale: string) => (locale === 'ar' ? 'rtl' : 'ltr');

const PART = { text: null, rows: null, label: null, url: null, code: null, primary: false };
const actionOf = (purpose: Purpose, i: number, bare: boolean): Part => ({
  ...PART,
  kind: 'action',
  label: purpose,
  url: SAMPLE_LINK(purpose),
  code: unless(bare, ['00000000 00000000', '00000000 00000000']),
  primary: i === 0,
});

export const bodySample = (template: Template, given: Sampled): BodyScope =>
  body(template, { ...PLAIN, ...given });

function body(template: Template, given: Given): BodyScope {
  const { locale, bare } = given;
  const row = { label: 'New address', value: 'ada@example.com', ltr: true };
  const { links } = MAILS[template];
  return {
    template,
    locale,
    dir: dirOf(locale),
    brand: brand(given),
    subject: 'The subject',
    parts: [
      { ...PART, kind: 'text', text: 'A sentence.' },
      { ...PART, kind: 'facts', rows: [row] },
      ...links.map((purpose, i) => actionOf(purpose, i, bare)),
    ],
    words: { url: 'Copy this link:', code: 'Or paste this code:' },
    links: Object.fromEntries(
      ([...PURPOSES, 'reset'] as const).map((one) => {
        const isThere = one === 'reset' ? !bare : (links as readonly string[]).includes(one);
        return [one, isThere ? SAMPLE_LINK(one) : null];
      }),
    ) as BodyScope['links'],
    facts: {
      account: unless(bare, 'a•••@example.org'),
      current: unless(bare, 'a•••@example.org'),
      previous: unless(bare, 'a•••@example.org'),
      new: 'ada@example.com',
      typedCode: unless(bare, '1234 5678'),
      askedAt: 'August 17, 2026 at 1:05 PM UTC',
      askedFrom: unless(bare, 'Firefox, Windows'),
      validUntil: '1 hour, until August 17, 2026 at 2:05 PM UTC',
      undoUntil: unless(bare, 'August 24, 2026'),
      waivesAt: unless(bare, 'in 3 days, on August 20, 2026 at 2:05 PM UTC'),
    },
  };
}

export const mailSample = (
  template: Template,
  sampled: Sampled,
  bodies: readonly (Markup | string)[],
): MailScope => {
  const given = { ...PLAIN, ...sampled };
  const { locale } = given;
  return {
    template,
    locale,
    dir: dirOf(locale),
    brand: brand(given),
    subject: 'The subject',
    preview: 'A sentence.',
    words: { help: 'Questions?', footer: 'Why you got this.' },
    sections: bodies.map((one) => ({
      locale,
      dir: dirOf(locale),
      subject: 'The subject',
      body: one,
    })),
  };
};

function page(given: Given): PageScope {
  const { locale, bare, still } = given;
  const file = (href: string) => ({ href, integrity: 'sha384-AAAA' });
  const { name, supportUrl, legal } = brand(given);
  return {
    locale,
    dir: dirOf(locale),
    title: 'The title',
    documentTitle: 'The title – Example',
    brand: { name, supportUrl, legal },
    help: 'Get help',
    basePath: '/base',
    logo: unless(bare, '/base/assets/logo?v=00000000'),
    sheets: [file('/base/assets/pages.css?v=00000000'), file('/base/assets/own.css?v=00000000')],
    script: unless(still, file('/base/assets/script.js?v=00000000')),
    languages: bare
      ? []
      : [
          { locale: 'en', name: 'English', href: '?lang=en' },
          { locale: 'de', name: 'Deutsch', href: '?lang=de' },
        ],
    languageLabel: 'Language',
    tone: still ? '' : 'wait',
    wide: false,
  };
}

const link = (purpose: Purpose, { bare }: Given): LinkScope => ({
  purpose,
  query: '?lang=en',
  until: '{span}, until {moment}',
  token: bare ? '' : 'the-token',
  words: 'ready',
  texts: ['A sentence.'],
  templates: ['ready', 'missing'].map((id) => ({
    id,
    title: `Title of ${id}`,
    tone: 'stop',
    texts: ['A sentence.'],
  })),
  carried: !bare,
  wrong: !bare,
  currentLabel: 'Current address',
  newLabel: 'New address',
  untilLabel: 'Valid for',
  fieldLabel: 'Link code',
  fieldHint: 'The whole link works too.',
  button: 'Confirm',
  continue: 'Continue',
  retry: 'Try again',
  inApp: unless(bare, 'https://app.example.com/confirm'),
  inAppText: 'Continue in the app.',
  inAppButton: 'Continue',
});

const notice = ({ bare, still }: Given): NoticeScope => ({
  texts: ['A sentence.'],
  email: unless(bare, 'ada@example.com'),
  emailLabel: unless(bare, 'New address'),
  links: bare ? [] : [{ href: 'https://app.example.com/next', label: 'Next' }],
  look: unless(still, 'See how it went'),
});

/** Which kind of page a template of this name prints. */
export function pageKindOf(name: string): PageKind {
  const [own = ''] = name.split('.');
  if (own === 'problems') return 'problems';
  return own === 'link' || (PURPOSES as readonly string[]).includes(own) ? 'link' : 'notice';
}

export function pageSample(name: string, sampled: Sampled): PageScope & PartsOf[PageKind] {
  const given = { ...PLAIN, ...sampled };
  const [own = ''] = name.split('.');
  const frame = page(given);
  const kind = pageKindOf(name);
  if (kind === 'problems')
    return { ...frame, rows: [{ code: 'x', status: 400, title: 'A title', detail: 'A detail.' }] };
  if (kind === 'notice') return { ...frame, ...notice(given) };
  return { ...frame, ...link(PURPOSES.find((one) => one === own) ?? 'confirm', given) };
}

/** What a template may be printed with: one, or for each mail another. */
export function samplesOf(sort: Sort, name: string): readonly object[] {
  const given = { locale: 'en', ...PLAIN };
  const [own = ''] = name.split('.');
  if (sort === 'pages') return [own === 'layout' ? page(given) : pageSample(name, given)];
  if (own === 'layout') return [mailSample('confirm', given, ['A body.'])];
  return [body('confirm', given)];
}
