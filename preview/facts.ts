/** What previewed and tested mails and pages tell of. */
import { PURPOSES } from '../src/domain/email-change.ts';
import type { MailFacts } from '../src/mail/content.ts';

export const linkTokenOf = (purpose: string): string =>
  `${purpose}-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ`.slice(0, 64);
/** All that a mail can say. */
export const FACTS: MailFacts = {
  brand: { name: 'Acme Notes', color: '#2457d6', supportUrl: 'https://acme.example/help' },
  email: 'ada.lovelace@new.example',
  currentEmail: 'a•••@old.example',
  links: Object.fromEntries(
    PURPOSES.map((purpose) => [
      purpose,
      `https://id.acme.example/${purpose}#${linkTokenOf(purpose)}`,
    ]),
  ),
  codes: Object.fromEntries(PURPOSES.map((purpose) => [purpose, linkTokenOf(purpose)])),
  now: Date.UTC(2026, 7, 17, 13, 5),
  askedAt: Date.UTC(2026, 7, 17, 13, 4),
  origin: { browser: 'Firefox', system: 'Windows', country: 'DE' },
  expiresAt: Date.UTC(2026, 7, 17, 14, 5),
  undoUntil: Date.UTC(2026, 7, 24, 14, 5),
  waivesAt: Date.UTC(2026, 7, 20, 9, 30),
  typedCode: '1234 5678',
  reason: 'email-taken',
  passwordResetUrl: 'https://acme.example/reset',
};
