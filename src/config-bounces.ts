/** How each relay that tells of bounces proves itself: what is written for it. */
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import type { Relay } from './mail/reference.ts';

const isEcKey = (text: string): boolean => {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ec';
  } catch {
    return false;
  }
};

export const bounceSecrets = {
  BOUNCES_SES_SECRET: z
    .string()
    .regex(
      /^arn:(?:aws|aws-cn|aws-us-gov):sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}$/,
      'write the ARN of the SNS topic, like arn:aws:sns:eu-west-1:123456789012:bounces',
    )
    .optional(),
  BOUNCES_SENDGRID_SECRET: z
    .string()
    .refine(isEcKey, 'write the verification key as SendGrid shows it (base64)')
    .optional(),
  BOUNCES_POSTMARK_SECRET: z
    .string()
    .regex(/^[^:\s]+:\S+$/, 'write user:password, as in the webhook URL at Postmark')
    .optional(),
  BOUNCES_MAILGUN_SECRET: z
    .string()
    .min(8, 'write the HTTP webhook signing key of Mailgun')
    .optional(),
  BOUNCES_RESEND_SECRET: z
    .string()
    .regex(/^whsec_[\w+/-]{16,}={0,2}$/, 'write the signing secret of Resend, like whsec_…')
    .optional(),
};

type Secrets = { [Name in keyof typeof bounceSecrets]?: string | undefined };

/** By relay. */
export const bounceSecretsOf = (s: Secrets): Readonly<Record<Relay, string | undefined>> => ({
  ses: s.BOUNCES_SES_SECRET,
  sendgrid: s.BOUNCES_SENDGRID_SECRET,
  postmark: s.BOUNCES_POSTMARK_SECRET,
  mailgun: s.BOUNCES_MAILGUN_SECRET,
  resend: s.BOUNCES_RESEND_SECRET,
});
