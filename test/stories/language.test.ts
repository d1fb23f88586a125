/** Each mailbox reads its own language; who holds a session does not choose that of the alarm. */
import { describe, expect, test } from 'vitest';
import type { TenantUser } from '../../stand-ins/tenant/users.ts';
import { message, type Locale, type MessageKey } from '../../src/locales/messages.ts';
import { startWorld, type World } from '../support/world.ts';
import { addPerson, linkIn, mail, oneLine, until, use, type Change } from './steps.ts';

const NEW = 'ada@new.example';
const say = (locale: Locale, key: MessageKey): string => message(locale, key, { brand: 'Acme' });

async function askIn(world: World, locale: string, account: Partial<TenantUser>): Promise<Change> {
  const person = addPerson(world);
  world.tenant.updateUser(person.sub, account);
  const token = await world.token(person.sub);
  const { body } = await world.call('POST', '/v1/email-changes', {
    token,
    body: { email: NEW, locale },
  });
  return { id: body.id, sub: person.sub, from: person.email, to: NEW, token };
}

const ACCOUNTS: [what: string, account: Partial<TenantUser>, locale: Locale][] = [
  ['app_metadata.language', { app_metadata: { language: 'de' } }, 'de'],
  ['app_metadata.lang', { app_metadata: { lang: 'fr-CA' } }, 'fr'],
  ['user_metadata.locale', { user_metadata: { locale: 'es_ES' } }, 'es'],
  ['user_metadata.preferred_language', { user_metadata: { preferred_language: 'PT-br' } }, 'pt-BR'],
  [
    'app_metadata before user_metadata',
    { app_metadata: { language: 'de' }, user_metadata: { language: 'fr' } },
    'de',
  ],
  ['nothing', {}, 'en'],
  ['a language that we do not speak', { user_metadata: { language: 'tlh' } }, 'en'],
  ['no text', { app_metadata: { language: { de: 1 } } }, 'en'],
  ['far too much', { user_metadata: { language: 'de '.repeat(200) } }, 'en'],
];

test.each(ACCOUNTS)(
  'with %s the current mailbox reads that, whatever was asked for; the notice says it in both',
  async (_, account, own) => {
    const world = await startWorld();
    const asked = await askIn(world, 'ja', account);
    const notice = await mail(world, asked, 'notice');
    expect(notice.subject).toBe(say(own, 'mail.notice.subject'));
    expect(notice.headers.get('content-language')).toBe(own);
    for (const part of [notice.text, notice.html]) {
      const plain = (text: string) => text.replaceAll(/\s/g, '');
      const [first, second] = [own, 'ja' as const].map((locale) =>
        plain(part).indexOf(plain(say(locale, 'mail.cancel.action'))),
      );
      expect(first).toBeGreaterThan(0);
      expect(second).toBeGreaterThan(first!);
    }
    const confirm = await mail(world, asked, 'confirm');
    expect(confirm.subject).toBe(say('ja', 'mail.confirm.subject'));

    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'committed' });
    const changed = await mail(world, asked, 'changed');
    expect(changed.subject).toBe(say(own, 'mail.changed.subject'));
    expect(changed.text).not.toContain(say('ja', 'mail.changed.action'));
    expect((await mail(world, asked, 'done')).subject).toBe(say('ja', 'mail.done.subject'));
  },
);

test('a notice in the language of both says it once', async () => {
  const world = await startWorld();
  const asked = await askIn(world, 'de-CH', { app_metadata: { language: 'de' } });
  const { text } = await mail(world, asked, 'notice');
  expect(text.split('/cancel#')).toHaveLength(2);
});

test('the question of both mailboxes is asked in both languages, the reminder in that of the account', async () => {
  const world = await startWorld({ env: { CONFIRMATION: 'both', OLD_MAILBOX_WAIT: '3d' } });
  const asked = await askIn(world, 'ar', { app_metadata: { language: 'fr' } });
  const approve = await mail(world, asked, 'approve');
  expect(approve.subject).toBe(say('fr', 'mail.approve.subject'));
  expect(approve.html).toMatch(/lang="fr" dir="ltr"[^]*lang="ar" dir="rtl"/);
  expect(approve.text.split('/approve#')).toHaveLength(3);
});

describe('a deployment', () => {
  test('that speaks some languages alone mails in no other; DEFAULT_LOCALE stands for the rest', async () => {
    const world = await startWorld({ env: { LOCALES: 'en,de', DEFAULT_LOCALE: 'de' } });
    const asked = await askIn(world, 'ar', { user_metadata: { language: 'ja' } });
    for (const template of ['notice', 'confirm'] as const) {
      const { subject, headers } = await mail(world, asked, template);
      expect(subject).toBe(say('de', `mail.${template}.subject`));
      expect(headers.get('content-language')).toBe('de');
    }
    const page = await fetch(`${world.api}/`, { headers: { 'accept-language': 'ar' } });
    expect(await page.text()).toContain('lang="de"');
  });
});

describe('a mailbox that was warned', () => {
  test('hears of the end in one mail of its own language, in the thread of the warning', async () => {
    const world = await startWorld();
    const asked = await askIn(world, 'ja', { app_metadata: { language: 'es' } });
    const notice = await mail(world, asked, 'notice');
    await mail(world, asked, 'confirm');
    await world.call('DELETE', `/v1/email-changes/${asked.id}`, { token: asked.token });
    const stopped = await mail(world, asked, 'stopped');
    expect(stopped.to).toEqual([asked.from]);
    expect(stopped.subject).toBe(say('es', 'mail.stopped.subject'));
    expect(oneLine(stopped.text)).toContain(say('es', 'end.canceled.user'));
    expect(stopped.headers.get('in-reply-to')).toBe(notice.messageId);
    expect([stopped.headers.get('references')].flat()).toEqual([notice.messageId]);
    expect(stopped.headers.get('x-entity-ref-id')).toBeUndefined();
  });
});
