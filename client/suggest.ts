/**
 * "Did you mean gmail.com?" Advice only: nobody is stopped, and no address is changed. One list for the API
 * and the element, which must import nothing and stay small.
 */

/** Names of public mailboxes that are long enough for a slip in them to be told from another name. */
const NAMES = 'gmail yahoo hotmail outlook icloud'.split(' ');
/** Endings that nobody has; and those of countries, which after such a name are a slip too. */
const SLIP = /\.(c[nop]n|[xv]om|comm|cmo)$/i;
const SHORT = /^\.(c.?|om)$/i;

/** The whole address as it was probably meant; `undefined` where nothing looks like a slip. */
export function suggestEmail(address: string): string | undefined {
  const [, local = '', name = '', ending = ''] = /^(.+@)([^@.]+)(\.[^@]+)$/.exec(address) ?? [];
  const typed = name.toLowerCase();
  const known = NAMES.find((each) => isSlip(typed, each));
  const meant = known && SHORT.test(ending) ? '.com' : ending.replace(SLIP, '.com');
  if (meant === ending && (!known || known === typed)) return undefined;
  return local + (known ?? name) + meant;
}

/** One letter too many, too few or wrong, or two that changed places: without a letter they are the same. */
const isSlip = (typed: string, meant: string): boolean =>
  typed[0] === meant[0] && !typed[8] && cut(typed).some((one) => cut(meant).includes(one));
const cut = (name: string): string[] => [
  name,
  ...Array.from(name, (_, i) => name.slice(0, i) + name.slice(i + 1)),
];
