/** The element in a real browser and a strict app, on the whole service: what its user lives through. */
import { describe, expect, test } from 'vitest';
import { TRANSLATIONS } from '../../client/translations.ts';
import { message } from '../../src/locales/messages.ts';
import { describeInBrowser, picture } from '../support/browser.ts';
import { eventually } from '../support/world.ts';
import {
  ask,
  button,
  confirmBy,
  expectText,
  field,
  focusIn,
  HEARD,
  inElement,
  NEW,
  OLD,
  SAID,
  startHost,
  TOLERATED,
} from './host.ts';

const MAILED = `We sent a link to ${NEW}. Open it, then press the button. Nothing there? Look in spam.`;

describeInBrowser('the element', ({ open }) => {
  const tab = async () => (await open({ tolerates: TOLERATED })).newPage();

  describe('from the wish to the new address', () => {
    test('the form becomes what is going on, and what is going on becomes the outcome, by itself', async () => {
      const host = await startHost();
      const page = await host.open(await tab());
      await picture(page, 'element-form');
      await ask(page);
      await expectText(page, MAILED);
      await expectText(page, 'The link expires in 1 hour.');
      expect(await field(page).isVisible()).toBe(false);
      await picture(page, 'element-pending');

      await confirmBy(host, 'confirm');
      await expectText(page, `Your email address is now ${NEW}. Sign in again with it.`);
      await picture(page, 'element-committed');
      // Nothing more can be asked for before the next login.
      expect(await page.locator('button:visible, input:visible').allTextContents()).toEqual([
        'Sign in again',
      ]);
      await button(page, 'Sign in again').click();
      expect(await page.evaluate(HEARD)).toEqual([
        'pending',
        'confirmed',
        'committed',
        'committed',
      ]);
    });

    test('what is announced is announced once, and neither time nor countdown is', async () => {
      const host = await startHost({ env: { RESEND_AFTER: '3s' } });
      const page = await host.open(await tab());
      await ask(page);
      await expectText(page, MAILED);
      // The countdown runs to its end.
      await expectText(page, /sent again in 2 seconds/);
      await button(page, 'Send it again').waitFor();
      await confirmBy(host, 'confirm');
      await expectText(page, /is now/);
      expect(await page.evaluate(SAID)).toEqual([
        `We are sending a link to ${NEW}…`,
        MAILED,
        'Confirmed. We are changing your address…',
        `Your email address is now ${NEW}. Sign in again with it.`,
      ]);
    });

    test('the link can be sent again, and whichever mail is found first works', async () => {
      const host = await startHost({ env: { RESEND_AFTER: '1s' } });
      const page = await host.open(await tab());
      await ask(page);
      const older = await host.mailed('confirm');
      await button(page, 'Send it again').click();
      await eventually(() => host.world.inbox.to(NEW).length === 2, 'the second mail');
      await expectText(page, MAILED);
      expect(await host.mailed('confirm')).toBe(older);
      await confirmBy(host, 'confirm');
      await expectText(page, /is now/);
    });

    test('it is withdrawn by one press, and the address stays in the field to be mended', async () => {
      const host = await startHost();
      const page = await host.open(await tab());
      await ask(page);
      await expectText(page, MAILED);
      await button(page, 'Cancel').click();
      await expectText(page, 'You canceled the change.');
      expect(await field(page).inputValue()).toBe(NEW);
      expect(await page.evaluate(HEARD)).toEqual(['pending', 'canceled']);
      await picture(page, 'element-canceled');
      await ask(page, 'someone@example.net');
      await expectText(page, 'We sent a link to someone@example.net.');
    });

    test('where both mailboxes decide it says who has and who has not', async () => {
      const host = await startHost({ env: { CONFIRMATION: 'both' } });
      const page = await host.open(await tab());
      await ask(page);
      await expectText(page, `${MAILED} Also approve it in the email to your current address.`);
      await picture(page, 'element-pending-both');
      await confirmBy(host, 'confirm');
      await expectText(page, 'Confirmed. Now approve it in the email to your current address.');
      await confirmBy(host, 'approve', OLD);
      await expectText(page, /is now/);
    });

    test('where silence is consent it says until when', async () => {
      const host = await startHost({ env: { CONFIRMATION: 'both', OLD_MAILBOX_WAIT: '1d' } });
      const page = await host.open(await tab());
      await ask(page);
      await confirmBy(host, 'confirm');
      await expectText(page, 'Without an answer the change is made in 24 hours.');
    });

    test('a code is typed only where the app says that there are codes', async () => {
      const host = await startHost({ env: { CODE: 'on' } });
      const page = await host.open(await tab());
      await ask(page);
      await expectText(page, MAILED);
      const code = page.getByLabel('Or type the eight-digit app code');
      expect(await code.isVisible()).toBe(false);
      await page.evaluate(
        `document.querySelector('readdress-change-email').toggleAttribute('code')`,
      );
      await code.waitFor();
      await picture(page, 'element-pending-code');

      await code.fill('1234');
      await code.press('Enter');
      await expectText(page, 'The code is wrong or too old.');
      // The other code of that mail, in groups as it stands there: said before anybody is asked.
      await code.fill('AbCdEf01 23456789 AbCdEf01 23456789');
      await code.press('Enter');
      await expectText(page, 'That is the link code.');
      await code.fill('0000 0000');
      await button(page, 'Confirm').click();
      await expectText(page, 'The code is wrong or too old.');
      expect(await code.getAttribute('aria-invalid')).toBe('true');
      await picture(page, 'element-code-wrong');

      const digits = /\b\d{4} \d{4}\b/.exec(host.world.inbox.to(NEW)[0]!.text)![0];
      await code.fill(digits);
      await code.press('Enter');
      await expectText(page, /is now/);
    });
  });

  describe('by keyboard alone, and unseen', () => {
    test('every step is a key, the focus is never lost, and nothing is pressed by mistake', async () => {
      const host = await startHost();
      const page = await host.open(await tab());
      const type = (...keys: string[]) =>
        keys.reduce(
          (before, key) => before.then(() => page.keyboard.press(key)),
          Promise.resolve(),
        );
      await type('Tab');
      expect(await focusIn(page)).toBe('email');
      await page.keyboard.type('nonsense');
      await type('Enter');
      await expectText(page, 'Enter an email address like name@example.com.');
      expect(await focusIn(page)).toBe('email');
      await type('Control+a');
      await page.keyboard.type(NEW);
      await type('Tab');
      expect(await focusIn(page)).toBe('submit');
      await type('Enter', 'Enter', 'Enter');
      await expectText(page, MAILED);
      // The form went, with the focus in it: the group has it, where Enter does nothing.
      expect(await focusIn(page)).toBe('base pending');
      await type('Enter', 'Tab', 'Enter');
      await expectText(page, 'You canceled the change.');
      expect(await focusIn(page)).toBe('base canceled');
      await type('Tab');
      expect(await focusIn(page)).toBe('email');
      await type('Enter');
      await expectText(page, MAILED);
      await confirmBy(host, 'confirm');
      await expectText(page, /is now/);
      expect(await focusIn(page)).toBe('base committed');
      await type('Tab');
      expect(await focusIn(page)).toBe('sign-in');
      await type('Space');
      expect(await page.evaluate(HEARD)).toEqual([
        'pending',
        'canceled',
        'pending',
        'confirmed',
        'committed',
        'committed',
      ]);
    });

    test('whatever happens meanwhile, what is being typed stays, and the cursor in it', async () => {
      const host = await startHost();
      const page = await host.open(await tab());
      await ask(page);
      await expectText(page, MAILED);
      await button(page, 'Cancel').click();
      await field(page).fill('ada.lovelace');
      await page.keyboard.press('Home');
      await page.keyboard.type('x');
      await inElement(page, `element.strings = { emailSubmit: 'Go' }`);
      await inElement(page, `element.lang = 'de'`);
      await button(page, 'Go').waitFor();
      await page.keyboard.type('y');
      expect(await field(page).inputValue()).toBe('xyada.lovelace');
      expect(await focusIn(page)).toBe('email');
    });

    test('the form, the field and the errors have names, and the error belongs to its field', async () => {
      const host = await startHost();
      const page = await host.open(await tab());
      const element = page.locator('readdress-change-email');
      await ask(page, '');
      await expectText(page, 'Enter an email address like name@example.com.');
      expect(await element.ariaSnapshot()).toBe(
        [
          '- group "Change your email address":',
          '  - status',
          '  - text: New email address',
          '  - textbox "New email address" [invalid]',
          '  - alert:',
          '    - paragraph: Enter an email address like name@example.com.',
          '  - button "Change email address"',
          '  - alert',
        ].join('\n'),
      );
      expect(await field(page).getAttribute('aria-invalid')).toBe('true');
      const described = 'root.querySelector("#email").ariaDescribedByElements[0]';
      expect(await inElement(page, `${described}.textContent`)).toBe(
        'Enter an email address like name@example.com.',
      );
      await picture(page, 'element-invalid');
      // The same mistake again is said again.
      await field(page).press('Enter');
      await eventually(async () => (await page.evaluate<string[]>(SAID)).length === 2);
    });
  });

  describe('in its reader’s language', () => {
    test('words, times and mails are in the language of the page around it', async () => {
      const host = await startHost();
      host.html = host.html.replace('lang="en"', 'lang="de"');
      const page = await host.open(await tab());
      const words = TRANSLATIONS.de;
      await inElement(page, `element.strings = ${JSON.stringify(words)}`);
      await page.getByLabel(words.emailLabel).fill(NEW);
      await button(page, words.emailSubmit).click();
      await expectText(page, 'Der Link läuft in 1 Stunde ab.');
      const mail = await host.world.inbox.waitFor({ to: NEW });
      expect(mail.subject).toBe(message('de', 'mail.confirm.subject', { brand: 'Acme' }));
    });

    test('from right to left the address keeps its own direction', async () => {
      const host = await startHost();
      host.html = host.html.replace('lang="en"', 'lang="ar" dir="rtl"');
      const page = await host.open(await tab());
      await inElement(page, `element.strings = ${JSON.stringify(TRANSLATIONS.ar)}`);
      await page.getByLabel(TRANSLATIONS.ar.emailLabel).fill(NEW);
      await picture(page, 'element-form-rtl');
      await page.keyboard.press('Enter');
      await expectText(page, TRANSLATIONS.ar.pending.replace('{email}', NEW));
      expect(await page.locator('bdi').textContent()).toBe(NEW);
      await button(page, TRANSLATIONS.ar.cancel).waitFor();
      await picture(page, 'element-pending-rtl');
    });

    test('a domain in letters of its own is shown as its owner wrote it', async () => {
      const host = await startHost();
      const page = await host.open(await tab());
      await ask(page, 'ada@bücher.example.org');
      await expectText(page, MAILED.replace(NEW, 'ada@bücher.example.org'));
    });

    test('a language tag that is none is no obstacle', async () => {
      const host = await startHost();
      host.html = host.html.replace('lang="en"', 'lang="en_US"');
      const page = await host.open(await tab());
      await ask(page);
      await expectText(page, /expires in 1 hour/);
    });
  });

  describe('on any screen', () => {
    test('it fits a phone of 320 px, and everything to press is 44 px tall', async () => {
      const host = await startHost({ env: { CODE: 'on', RESEND_AFTER: '1s' } });
      host.html = host.html.replace('<readdress-change-email', '$& code');
      const context = await open({
        tolerates: TOLERATED,
        viewport: { width: 320, height: 640 },
        colorScheme: 'dark',
      });
      const page = await host.open(await context.newPage());
      const fits = async () => {
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
        for (const target of await page.locator('button:visible, input:visible').all())
          expect((await target.boundingBox())?.height).toBeGreaterThanOrEqual(44);
      };
      await fits();
      await picture(page, 'element-form-phone-dark');
      const long = `${'a-rather-long-name-of-somebody'.repeat(2)}@${'sub.'.repeat(8)}example.org`;
      await ask(page, long);
      await button(page, 'Send it again').waitFor();
      await fits();
      await picture(page, 'element-pending-phone-dark');
    });

    test('where colours are forced, buttons and fields still have edges', async () => {
      const host = await startHost();
      const context = await open({ tolerates: TOLERATED, forcedColors: 'active' });
      const page = await host.open(await context.newPage());
      await picture(page, 'element-form-forced-colors');
      for (const part of ['field', 'submit'])
        expect(
          await inElement(page, `getComputedStyle(root.querySelector('[part=${part}]')).borderTop`),
        ).toMatch(/^1px solid rgb/);
    });
  });
});
