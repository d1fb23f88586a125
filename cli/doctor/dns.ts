/** What receivers of our mail look up: the sender's domain, SPF and DMARC. Skipped where there is no DNS. */
import { Resolver } from 'node:dns/promises';
import { isLoopback } from '../../src/config-grammar.ts';
import type { WorkerConfig } from '../../src/config.ts';
import { failure, nameOf, ok, skipped, warning, type Check, type Finding } from './finding.ts';

const SETTING = 'MAIL_FROM';
/** Names that are in nobody's DNS (RFC 2606, RFC 6761). */
const RESERVED =
  /(?:^|\.)(?:example|test|invalid|localhost|local)$|(?:^|\.)example\.(?:com|net|org)$/;
const NOTHING = ['ENODATA', 'ENOTFOUND'];

export const checkDns = (config: WorkerConfig, selector: string | undefined): Check => ({
  name: 'dns',
  setting: SETTING,
  async run({ signal }) {
    const domain = /@([^>]+)/.exec(config.mailFrom)![1]!.toLowerCase();
    if (RESERVED.test(domain) || isLoopback(config.smtpUrl.hostname))
      return [skipped('dns', `mail of ${domain} does not go out into the world`)];
    const resolver = new Resolver({ timeout: 2000, tries: 2 });
    signal.addEventListener('abort', () => resolver.cancel());
    const texts = async (name: string): Promise<string[] | string> =>
      resolver.resolveTxt(name).then(
        (records) => records.map((parts) => parts.join('')),
        (error: unknown) => (NOTHING.includes(nameOf(error)) ? [] : nameOf(error)),
      );
    const mx = await resolver.resolveMx(domain).catch(nameOf);
    if (typeof mx === 'string' && !NOTHING.includes(mx))
      return [skipped('dns', `no DNS here: ${mx}`)];
    const [own, dmarc, dkim] = await Promise.all([
      texts(domain),
      texts(`_dmarc.${domain}`),
      selector === undefined ? undefined : texts(`${selector}._domainkey.${domain}`),
    ]);
    return [
      Array.isArray(mx) && mx.length > 0
        ? ok('dns.mx', `${domain} takes mail`, SETTING)
        : warning(
            'dns.mx',
            SETTING,
            `${domain} takes no mail (no MX)`,
            'Answers and bounces go nowhere; some receivers refuse such senders.',
          ),
      record(
        'dns.spf',
        own,
        /^v=spf1 /i,
        `${domain} has no SPF record`,
        'Add the TXT record that your mail provider names (v=spf1 …).',
      ),
      record(
        'dns.dmarc',
        dmarc,
        /^v=DMARC1/i,
        `_dmarc.${domain} has no DMARC record`,
        'Begin with v=DMARC1; p=none. Large receivers refuse mail without it.',
      ),
      dkim === undefined
        ? skipped('dns.dkim', 'the selector is not known', 'Name it: --dkim-selector s1')
        : record(
            'dns.dkim',
            dkim,
            /(?:^|;)\s*p=[A-Za-z0-9+/]/,
            `${selector}._domainkey.${domain} has no key`,
            'Publish the key that your mail provider shows.',
          ),
    ];
  },
});

function record(
  check: string,
  found: string[] | string,
  pattern: RegExp,
  why: string,
  todo: string,
): Finding {
  if (typeof found === 'string') return skipped(check, `could not be looked up: ${found}`);
  const fitting = found.filter((text) => pattern.test(text));
  if (check === 'dns.spf' && fitting.length > 1)
    return failure(
      check,
      SETTING,
      'there are two SPF records, and so none counts',
      'Keep one (RFC 7208 §3.2).',
    );
  return fitting.length > 0 ? ok(check, 'is there', SETTING) : warning(check, SETTING, why, todo);
}
