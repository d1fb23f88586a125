/** What the secrets of relays that tell of bounces are, in words. */
import type { bounceSecrets } from './config-bounces.ts';
import type { WordsOf } from './config-words.ts';

export const BOUNCES: WordsOf<{ shape: typeof bounceSecrets }> = {
  BOUNCES_SES_SECRET: {
    about:
      'Late bounces from SES through SNS, at PUBLIC_URL/v1/bounces/ses: the ARN of the topic. Off when empty, as are the others (docs/operations.md)',
    secret: true,
  },
  BOUNCES_SENDGRID_SECRET: {
    about: 'At …/sendgrid: the verification key of the Signed Event Webhook',
    secret: true,
  },
  BOUNCES_POSTMARK_SECRET: {
    about: 'At …/postmark: user:password of basic authentication',
    secret: true,
  },
  BOUNCES_MAILGUN_SECRET: {
    about: 'At …/mailgun: the HTTP webhook signing key',
    secret: true,
  },
  BOUNCES_RESEND_SECRET: {
    about: 'At …/resend: the signing secret of the webhook, whsec_…',
    secret: true,
  },
};
