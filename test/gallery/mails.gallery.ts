/** All mails in all languages, as spam filters, validators and other people's mail programs look at them. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { caniemail } from 'caniemail';
import { HtmlValidate } from 'html-validate';
import { describe, expect, test } from 'vitest';
import { everyMail } from '../../preview/mails.ts';
import { readWorkerConfig, type WorkerConfig } from '../../src/config.ts';
import type { Deps } from '../../src/deps.ts';
import { LOCALES } from '../../src/locales/messages.ts';
import { startInbox } from '../../stand-ins/inbox.ts';
import { openMailer } from '../../workers/mailer.ts';
import { FULL } from './brands.ts';

const SPAMASSASSIN = ['/usr/bin/spamassassin', '/usr/local/bin/spamassassin'].find(existsSync);
const why = SPAMASSASSIN ? '' : ' (skipped: there is no spamassassin here)';

const EVERY = LOCALES.flatMap((locale) =>
  everyMail(locale, FULL).map((mail) => ({ ...mail, locale })),
);

describe.skipIf(!SPAMASSASSIN)(`to SpamAssassin${why}`, () => {
  test('every mail in every language scores 0.1 at most', async () => {
    const inbox = await startInbox();
    const config = readWorkerConfig({
      REDIS_URL: 'redis://127.0.0.1',
      SEALING_KEYS: Buffer.alloc(32).toString('base64'),
      AUTH0_DOMAIN: 'acme.test',
      PUBLIC_URL: 'https://id.acme.example',
      AUTH0_CLIENT_ID: 'id',
      AUTH0_CLIENT_SECRET: 'secret',
      SMTP_URL: inbox.smtpUrl,
      MAIL_FROM: 'Acme Notes <no-reply@acme.example>',
      MAIL_REPLY_TO: 'help@acme.example',
    });
    const mailer = openMailer({ config } as Deps<WorkerConfig>);
    // What else a template may say is looked at in English.
    const mails = EVERY.filter(({ name, locale }) => locale === 'en' || !name.includes('-'));
    for (const { name, locale, ...mail } of mails) {
      const id = `${'A'.repeat(22)}.${name}.${locale}`;
      const sent = await mailer.send({ ...mail, to: 'ada@example.org', id, locale }, 10_000);
      expect(sent).toEqual({ kind: 'sent' });
    }
    mailer.close();
    await inbox.waitFor(() => inbox.messages.length === mails.length);
    const mbox = inbox.messages
      .map(
        ({ raw }) =>
          `From acme Mon Aug 17 13:05:00 2026\n${raw.replaceAll('\r\n', '\n').replaceAll(/^From /gm, '>From ')}\n`,
      )
      .join('\n');
    await inbox.close();
    // Nothing is asked of the network: the rules and what they find in the mail.
    const { stdout, stderr } = spawnSync(SPAMASSASSIN!, ['--local', '--mbox'], {
      input: mbox,
      maxBuffer: 1e9,
      encoding: 'utf8',
    });
    const scores = [
      ...stdout
        .replaceAll(/\n[ \t]+/g, ' ')
        .matchAll(/^X-Spam-Status: \w+, score=(-?[\d.]+) .*?tests=(.*?)(?: autolearn|$)/gm),
    ].map(([, score = '', tests = '']) => ({ score: Number(score), tests }));
    expect(scores.length, stderr).toBe(mails.length);
    const high = scores.flatMap(({ score, tests }, i) =>
      score > 0.1 ? [`${mails[i]!.name} in ${mails[i]!.locale}: ${score} ${tests}`] : [],
    );
    expect(high).toEqual([]);
  });
});

/** What some program does not know, and what its reader sees instead. Whatever else is used has to be known to all. */
const DONE_WITHOUT: Record<string, string> = {
  'border-radius': 'corners are square',
  'overflow-wrap': 'word-break does the same',
  'word-break': 'overflow-wrap does the same; the longest line is an address of the service',
  'user-select': 'the code is selected by hand',
  overflow: 'the preview is hidden by display and max-height',
  'display:none': 'the first sentence is read twice',
  '<body> element': 'what is on it stands on the first element in it, too',
  '<code> element': 'the code is in the font of the text',
  'lang attribute': 'a screen reader guesses the language',
  'dir attribute': 'the first strong letter tells the direction',
  'height property': 'the logo is not there, and the name is',
  'background-image': 'the logo is not there, and the name is',
  'text-decoration': 'the button is underlined',
};
const CLIENTS = [
  'gmail.*',
  'outlook.*',
  'apple-mail.*',
  'yahoo.*',
  'aol.*',
  'samsung-email.*',
  'orange.*',
  'protonmail.*',
] as const;

test('mails use nothing that a mail program does not know, but for what can be done without', () => {
  const missed = new Set<string>();
  // What is used does not depend on the language.
  for (const { html } of EVERY.filter(({ locale }) => locale === 'ar'))
    for (const found of caniemail({ clients: [...CLIENTS], html }).issues.errors.values())
      for (const { title } of found) missed.add(title);
  expect(missed.size).toBeGreaterThan(3);
  expect([...missed].filter((title) => !(title in DONE_WITHOUT))).toEqual([]);
});

test('every mail is valid HTML', async () => {
  const validate = new HtmlValidate({
    extends: ['html-validate:recommended', 'html-validate:a11y'],
    // Mail clients drop style sheets, so styles are inline; and a picture's ratio is not known.
    rules: { 'no-inline-style': 'off', 'doctype-style': 'off' },
  });
  for (const { name, html, locale } of EVERY.filter((one) => ['en', 'ar'].includes(one.locale)))
    expect((await validate.validateString(html)).results, `${name} in ${locale}`).toEqual([]);
});
