/**
 * Which addresses lead to one mailbox, as far as anybody can know from outside: for counting alone.
 * Two that fold together may still be two people's, so nothing is ever compared or mailed by this.
 */
const DOTLESS = new Set(['gmail.com', 'protonmail.com']);
const SAME_DOMAIN: Record<string, string> = {
  'googlemail.com': 'gmail.com',
  'proton.me': 'protonmail.com',
  'pm.me': 'protonmail.com',
};

/** `address` in the form of an envelope: `Ada.L+shop@GoogleMail.com` → `adal@gmail.com`. */
export function foldMailbox(address: string): string {
  const at = address.lastIndexOf('@');
  const name = address.slice(at + 1).toLowerCase();
  const domain = SAME_DOMAIN[name] ?? name;
  const local = address.slice(0, at).toLowerCase();
  // A plus sign at the very start begins no tag: there would be nobody to tag.
  const untagged = local.replace(/(?<=.)\+.*$/s, '');
  return `${DOTLESS.has(domain) ? untagged.replaceAll('.', '') : untagged}@${domain}`;
}
