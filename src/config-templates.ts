/** What an operator's brand looks like: settings that are checked by what they lead to. */
import { z } from 'zod';
import { url } from './config-grammar.ts';
import type { Brand } from './mail/brand.ts';
import { readTemplates } from './templates/own.ts';

const plainText = (max: number) =>
  z
    .string()
    .max(max, `write at most ${max} characters`)
    .regex(/^[^\p{Cc}<>]+$/u, 'use plain text');

const templates = z.string().transform((folder, ctx) => {
  const { templates: read, problems } = readTemplates(folder);
  if (read) return read;
  for (const message of problems) ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const brands = {
  BRAND_NAME: plainText(80).optional(),
  BRAND_COLOR: z
    .string()
    .regex(/^#[0-9a-f]{6}$/i, 'write a colour like #0a66c2')
    .default('#2457d6'),
  BRAND_LOGO_URL: url
    .refine(({ protocol }) => protocol === 'https:', 'write an https URL: it is in every mail')
    .optional(),
  BRAND_LEGAL: plainText(300).optional(),
  SUPPORT_URL: url.optional(),
  TEMPLATES_DIR: templates.optional(),
};
type Brands = z.output<z.ZodObject<typeof brands>>;

export const brandOf = (s: Brands & { PUBLIC_URL: URL }): Brand => ({
  name: s.BRAND_NAME ?? s.PUBLIC_URL.hostname,
  color: s.BRAND_COLOR,
  ...(s.SUPPORT_URL ? { supportUrl: s.SUPPORT_URL.href } : {}),
  ...(s.BRAND_LOGO_URL ? { logoUrl: inStyle(s.BRAND_LOGO_URL) } : {}),
  ...(s.BRAND_LEGAL === undefined ? {} : { legal: s.BRAND_LEGAL }),
  ...(s.TEMPLATES_DIR ? { templates: s.TEMPLATES_DIR } : {}),
});

/** A URL that stands in a style between quotes. */
const inStyle = ({ href }: URL): string =>
  href.replaceAll(/['()]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
