/** The API described by its own schemas: /openapi.json, and /docs to read it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { OpenAPIV3, OpenAPIV3_1 } from 'openapi-types';
import type { App } from '../api-deps.ts';
import type { ApiConfig } from '../../config.ts';

/** No page of ours needs more: no third party, no frame, nothing that is written into the page. */
const DOCS_CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/** OpenAPI's oauth2 knows bearer tokens only, so the rest is said in words. */
const SENT_AS: Record<ApiConfig['dpop'], string> = {
  off: 'Sent as `Authorization: Bearer`.',
  allowed:
    'Sent as `Authorization: Bearer`, or, bound to a key, as `Authorization: DPoP` with a proof in the `DPoP` header (RFC 9449).',
  required:
    'Sent as `Authorization: DPoP`, bound to a key, with a proof in the `DPoP` header (RFC 9449).',
};

export async function registerOpenapi(app: App, config: ApiConfig): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Readdress',
        version: '1',
        description: 'Change the email address of an Auth0 account: verify, then commit.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: config.publicUrl }],
      components: {
        securitySchemes: {
          accessToken: {
            type: 'oauth2',
            description: SENT_AS[config.dpop],
            flows: {
              authorizationCode: {
                authorizationUrl: `${config.auth0Url}/authorize`,
                tokenUrl: `${config.auth0Url}/oauth/token`,
                scopes: { [config.requiredScope]: 'Change my email address' },
              },
            },
          },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) =>
      'openapiObject' in document ? withProblems(document.openapiObject) : document.swaggerObject,
  });
  if (config.docs)
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      indexPrefix: config.basePath,
      staticCSP: DOCS_CSP,
    });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

/** Errors have a media type of their own, and any call may meet a 503. */
function withProblems(document: Partial<OpenAPIV3.Document | OpenAPIV3_1.Document>) {
  for (const path of Object.values(document.paths ?? {}))
    for (const method of ['get', 'post', 'delete'] as const) {
      const responses = path?.[method]?.responses as Record<string, Described> | undefined;
      const problem = responses?.['4XX'];
      if (!responses || !problem) continue;
      const [content] = Object.values(problem.content ?? {});
      problem.content = { 'application/problem+json': content ?? {} };
      responses['5XX'] = problem;
    }
  return document;
}
type Described = { content?: Record<string, object> };
