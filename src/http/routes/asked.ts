/** What a user asks for: the body of a request, checked field by field, and whether this login may ask. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ApiConfig } from '../../config.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { EmailChange } from '../../domain/email-change.ts';
import { parseEmail } from '../../domain/email-address.ts';
import { explainEmail } from '../../domain/email-fault.ts';
import { localeAmong, type Locale } from '../../locales/messages.ts';
import { zoneOf } from '../../locales/times.ts';
import { Problem, PROBLEMS } from '../problems.ts';
import { isDisposable } from './disposable.ts';
import { originOf } from './origin.ts';

/** Platforms write languages and zones in their own ways: whatever is no such hint is no hint. */
const hint = z.string().optional().catch(undefined);

export const requestBody = z.strictObject({
  email: z.string().max(1000).describe('The new address.'),
  returnTo: z
    .string()
    .max(2000)
    .optional()
    .describe('Where the result page leads back to; one of RETURN_URLS.'),
  locale: hint.describe('Language for mails and pages, such as `pt-BR` or `pt_BR`: a hint.'),
  timeZone: hint.describe('IANA zone for times in mails, such as `Europe/Berlin`: a hint.'),
});

type Asked = { email: string; locale: Locale } & Pick<
  EmailChange,
  'timeZone' | 'origin' | 'returnTo'
>;

/** @throws {Problem} invalid-email, invalid-return-url, unsupported-identity */
export function readAsked(
  config: ApiConfig,
  req: FastifyRequest,
  sub: string,
  body: z.output<typeof requestBody>,
): Asked {
  const { headers } = req;
  const { returnTo, locale } = body;
  const email = parseEmail(body.email, config);
  if (email === undefined)
    throw new Problem('invalid-email', {
      errors: [{ pointer: '#/email', detail: explainEmail(body.email) }],
    });
  if (config.refusesDisposable && isDisposable(email))
    throw new Problem('invalid-email', {
      errors: [
        { pointer: '#/email', detail: 'Addresses of this provider are thrown away after use.' },
      ],
    });
  // Compared as text, before any URL parser can make two different strings equal.
  if (returnTo !== undefined && !config.returnUrls.includes(returnTo))
    throw new Problem('invalid-return-url', {
      errors: [{ pointer: '#/returnTo', detail: 'not in RETURN_URLS' }],
    });
  checkIdentity(config, sub);
  return {
    email,
    locale: localeAmong(config.languages, locale, headers['accept-language']),
    timeZone: zoneOf(body.timeZone),
    origin: originOf(config, req),
    returnTo,
  };
}

/**
 * With CHECK_MX: an address of a domain that takes no mail is none.
 * @throws {Problem} invalid-email
 */
export async function checkMailServer({ mailServers }: ApiDeps, email: string): Promise<void> {
  if (await mailServers?.takesNone(email))
    throw new Problem('invalid-email', {
      errors: [{ pointer: '#/email', detail: 'The domain of this address takes no mail.' }],
    });
}

/** Far beyond what any user store makes; Auth0's own ids are 30 characters long. */
const MAX_SUB = 1024;

/** Whose address can never be changed is told so at once, and in words that are true for them. */
function checkIdentity({ passwordless }: ApiConfig, sub: string): void {
  const detail = whyUnsupported(sub.slice(0, sub.indexOf('|')), passwordless);
  if (detail !== undefined) throw new Problem('unsupported-identity', { detail });
  if (sub.length > MAX_SUB)
    throw new Problem('unsupported-identity', {
      detail: `The id of this user is longer than ${MAX_SUB} characters.`,
    });
}

function whyUnsupported(
  provider: string,
  passwordless: ApiConfig['passwordless'],
): string | undefined {
  switch (provider) {
    case 'auth0':
      return undefined;
    case 'email':
      return passwordless === 'allow'
        ? undefined
        : 'This login is a code or link mailed to its address. Such addresses are not changed here.';
    case 'sms':
      return 'This login is a telephone number: there is no address to change.';
    default:
      return PROBLEMS['unsupported-identity'].detail;
  }
}
