/**
 * Which addresses lead to one mailbox, as far as anybody can know from outside: for counting alone.
 * Two that fold together may still be two people's, so nothing is ever compared or mailed by this.
 */
const SAME_DOMAIN = new Map(
  Object.entries({
    'googlemail.com': 'gmail.com',
    'proton.me': 'protonmail.com',
    'pm.me': 'protonmail.com',
    'me.com': 'icloud.com',
    'mac.com': 'icloud.com',
    'ya.ru': 'yandex.ru',
    'yandex.com': 'yandex.ru',
    'yandex.by': 'yandex.ru',
    'yandex.kz': 'yandex.ru',
  }),
);
/** What providers do not look at in a local part. */
const UNSEEN = new Map<string, (local: string) => string>(
  Object.entries({
    'gmail.com': (local: string) => local.replaceAll('.', ''),
    'protonmail.com': (local: string) => local.replaceAll(/[._-]/g, ''),
    'yandex.ru': (local: string) => local.replaceAll('-', '.'),
  }),
);

/** `address` in the form of an envelope: `Ada.L+shop@GoogleMail.com` → `adal@gmail.com`. */
export function foldMailbox(address: string): string {
  const at = address.lastIndexOf('@');
  const name = address.slice(at + 1).toLowerCase();
  const domain = SAME_DOMAIN.get(name) ?? name;
  const local = address.slice(0, at).toLowerCase();
  // A plus sign at the very start begins no tag: there would be nobody to tag.
  const untagged = local.replace(/(?<=.)\+.*$/s, '');
  return `${UNSEEN.get(domain)?.(untagged) ?? untagged}@${domain}`;
}
