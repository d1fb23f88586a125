/**
 * The pages behind the mailed links. GET renders a button and changes nothing, since mail scanners
 * follow links; only the button's POST acts. Nobody is logged in, no cookie is set, and the token
 * is in no URL that reaches this server (unless LINK_STYLE=query asks for it).
 */
import formbody from '@fastify/formbody';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ApiDeps, App } from '../api-deps.ts';
import { formOfPaste, tokenFromPaste } from '../../../client/paste.js';
import { displayEmail, maskEmail } from '../../domain/email-address.ts';
import { PURPOSES, type Purpose } from '../../domain/email-change.ts';
import { languageOfMail, mendLink } from '../../links.ts';
import { ASSETS, ownAssets, pagePolicy } from '../pages/assets.ts';
import { outcomeOf, type Outcome } from '../pages/outcome.ts';
import {
  renderHomePage,
  renderLinkPage,
  renderProblemsPage,
  renderResultPage,
  resultWords,
} from '../pages/render.ts';
import type { LinkProblem } from '../pages/words.ts';
import { isPageVisit } from '../plugins/problem-details.ts';
import { limitPerIp } from '../plugins/rate-limit.ts';
import { expose, Problem, PROBLEMS, type ProblemCode } from '../problems.ts';
import { SealError } from '../../seal.ts';
import { OtherLink, useLink } from './links.ts';
import { createPageLanguages } from './page-language.ts';
import { createSettling } from './settling.ts';

const form = z.strictObject({ token: z.string().max(8000) });
const linkQuery = z.object({
  token: z.string().max(8000).optional().catch(undefined),
  lang: z.string().optional().catch(undefined),
});
const resultQuery = z.object({
  receipt: z.string().max(1000),
  lang: z.string().optional().catch(undefined),
});
const hidden = { hide: true };
type LinkPageExtras = { token?: string; problem?: LinkProblem } | '' | undefined;

export async function registerPages(app: App, deps: ApiDeps): Promise<void> {
  const { config, limits, now } = deps;
  const { brand, basePath } = config;
  const speech = createPageLanguages(config);
  const html = pageSender(pagePolicy(brand), config.publicUrl.startsWith('https:'));
  const untilSettled = createSettling(app, deps);
  const linkPage = (req: FastifyRequest, purpose: Purpose, more?: LinkPageExtras) =>
    renderLinkPage({
      purpose,
      locale: speech.localeOf(req),
      brand,
      basePath,
      inApp: purpose === 'confirm' ? config.confirmInApp : undefined,
      silenceConsents: config.oldMailboxWaitMs > 0,
      chosen: speech.chosenBy(req) !== undefined,
      languages: speech.languagesFor(`/${purpose}`),
      ...more,
    });
  const looked = { onRequest: limitPerIp(limits.page, 'page') };

  await app.register(formbody);
  app.removeContentTypeParser('application/json');

  for (const purpose of PURPOSES) {
    app.get(
      `/${purpose}`,
      { ...looked, schema: { ...hidden, querystring: linkQuery } },
      (req, reply) => {
        const inQuery = config.linkStyle === 'query';
        const mended =
          !inQuery && MAY_HOLD_TOKEN.test(req.url) ? mendLink(req.url, basePath) : undefined;
        if (mended !== undefined) return reply.redirect(mended, 303);
        const token = inQuery ? req.query.token : undefined;
        return html(reply, 200, linkPage(req, purpose, token && { token }));
      },
    );

    // A person came by a bent link. If it can be mended we redirect; else the page has a field to paste into.
    app.get(`/${purpose}*`, { ...looked, schema: hidden }, (req, reply) => {
      if (/^[\w-]/.test(req.url.slice(purpose.length + 1))) return reply.callNotFound();
      const mended = mendLink(req.url, basePath);
      if (mended !== undefined) return reply.redirect(mended, 303);
      if (!isPageVisit(req)) return reply.callNotFound();
      return html(reply, 200, linkPage(req, purpose));
    });

    app.post(
      `/${purpose}`,
      {
        onRequest: [refuseCrossSite, limitPerIp(limits.link, 'link')],
        schema: { ...hidden, body: form },
        // A person is looking: the same page again, with the reason and the token still in it.
        errorHandler: (error, req, reply) => {
          const problem = expose(error);
          const token = postedToken(req);
          const shown = linkProblem(problem, token);
          if (!shown) throw problem;
          const page = linkPage(req, purpose, { problem: shown, ...(token && { token }) });
          reply.headers(problem.extras.headers ?? {});
          void html(reply, PROBLEMS[problem.code].status, page);
        },
      },
      async (req, reply) => {
        if (purpose === 'confirm' && config.confirmInApp !== undefined)
          return html(reply, 403, linkPage(req, purpose, { problem: 'in-app' }));
        const change = await useLink(deps, req, purpose, tokenFromPaste(req.body.token));
        const receipt = deps.sealer.seal(
          JSON.stringify({ id: change.id, purpose, at: now() }),
          RECEIPT,
        );
        const chosen = speech.chosenBy(req);
        const lang = chosen === undefined ? '' : `&lang=${chosen}`;
        return reply.redirect(`${basePath}/result?receipt=${receipt}${lang}`, 303);
      },
    );
  }

  app.get(
    '/result',
    { ...looked, schema: { ...hidden, querystring: resultQuery } },
    async (req, reply) => {
      const { id, purpose, at } = openReceipt(deps, req.query.receipt);
      const found = now() < at + RECEIPT_MS ? await deps.changes.findChange(id) : undefined;
      if (!found) throw new Problem('not-found');
      // A commit mostly takes less than a blink: then nobody has to read "processing" first.
      const change = await untilSettled(found.value, BLINK_MS);
      const result = {
        purpose,
        locale: speech.localeFor(req, languageOfMail(change, purpose)),
        brand,
        basePath,
        outcome: outcomeOf(purpose, change, now()) ?? PROCESSING,
        // Its own mailbox may read the address in full: a slip in it can still be seen.
        email:
          purpose === 'confirm'
            ? displayEmail(change.email)
            : displayEmail(maskEmail(change.email), 'other'),
        passwordResetUrl: config.passwordResetUrl,
        languages: speech.languagesFor('/result', `receipt=${req.query.receipt}&`),
        returnTo: change.returnTo,
      };
      reply.header('vary', 'accept, accept-language');
      return isAskedByScript(req)
        ? reply.send(resultWords(result))
        : html(reply, 200, renderResultPage(result));
    },
  );

  app.get('/', { ...looked, schema: hidden }, (req, reply) =>
    html(
      reply,
      200,
      renderHomePage({ locale: speech.localeOf(req), brand, basePath, docs: config.docs }),
    ),
  );

  const rows = Object.entries(PROBLEMS).map(([code, row]) => ({ code, ...row }));
  app.get('/problems', { ...looked, schema: hidden }, (_req, reply) =>
    html(reply, 200, renderProblemsPage(rows, brand, basePath)),
  );

  for (const [path, asset] of Object.entries({ ...ASSETS, ...ownAssets(brand) }))
    app.get(path, { schema: hidden }, (_req, reply) =>
      // Addressed by their digest, so they never change under one address.
      reply
        .type(asset.type)
        .header('cache-control', 'public, max-age=31536000, immutable')
        .send(asset.body),
    );
}

const isAskedByScript = (req: FastifyRequest): boolean =>
  (req.headers.accept ?? '').startsWith('application/json');

/** Where a gateway moved the fragment; of any other query the browser still has the fragment itself. */
const MAY_HOLD_TOKEN = /%(?:25)*23|[?&]token=/i;
const BLINK_MS = 1000;
const PROCESSING: Outcome = { kind: 'processing' };

const PAGE_PROBLEMS: Partial<Record<ProblemCode, LinkProblem>> = {
  'invalid-link': 'invalid-link',
  'invalid-request': 'invalid-link',
  unavailable: 'try-again',
  'commit-in-progress': 'try-again',
  'too-many-requests': 'too-many-requests',
};

/** Sends a page under its own policy; on https browsers also upgrade what is left of http. */
const pageSender = (own: string, secure: boolean) => {
  const policy = secure ? `${own}; upgrade-insecure-requests` : own;
  return (reply: FastifyReply, status: number, page: string): FastifyReply =>
    reply
      .status(status)
      .header('content-security-policy', policy)
      .header('vary', 'accept-language')
      .type('text/html; charset=utf-8')
      .send(page);
};

/**
 * The form carries its own secret and no cookie, so forging it gains nothing; a form posted from
 * another site is refused all the same. `Origin` says nothing here: under no-referrer it is "null".
 */
async function refuseCrossSite(req: FastifyRequest): Promise<void> {
  const site = req.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new Problem('cross-site');
}

/**
 * What was pasted instead of this page's link. Only the page says so, to a reader who has that mail;
 * the API gives one answer to everything that is not its link.
 */
function linkProblem(problem: Problem, pasted = ''): LinkProblem | undefined {
  const shown = PAGE_PROBLEMS[problem.code];
  if (shown !== 'invalid-link') return shown;
  if (problem instanceof OtherLink) return `other-${problem.purpose}`;
  const form = formOfPaste(pasted);
  return form === 'digits' || form === 'part' ? form : shown;
}

function postedToken(req: FastifyRequest): string | undefined {
  const token = (req.body as { token?: unknown } | undefined)?.token;
  return typeof token === 'string' ? token : undefined;
}

/** Opens the result page for a while. It names the change and gives its holder no power. */
const RECEIPT = 'receipt';
const RECEIPT_MS = 3_600_000;

function openReceipt(deps: ApiDeps, receipt: string): { id: string; purpose: Purpose; at: number } {
  try {
    return JSON.parse(deps.sealer.open(receipt, RECEIPT)) as {
      id: string;
      purpose: Purpose;
      at: number;
    };
  } catch (error) {
    if (error instanceof SealError) throw new Problem('not-found');
    throw error;
  }
}
