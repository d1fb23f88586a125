/**
 * The service as a plugin of somebody else's Fastify. The host hands the raw request over, under its prefix
 * alone, to an app of our own: so the hooks, parsers, decorators, error and not-found handlers and the log of
 * one are no matter of the other. Hooks of the host run before ours, as on every route of the host.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Door } from '../door.ts';
import { PURPOSES } from '../../domain/email-change.ts';
import type { Handler } from './handler.ts';

/** What there is at the root of a host, `/` itself and health aside: those are the host's own. */
const AT_ROOT = [
  '/v1/*',
  '/assets/*',
  '/docs',
  '/docs/*',
  '/openapi.json',
  '/problems',
  '/result',
  ...PURPOSES.flatMap((purpose) => [`/${purpose}`, `/${purpose}*`]),
];

export function createPlugin(
  { deps, shut }: Pick<Door, 'deps' | 'shut'>,
  handler: Handler,
): FastifyPluginAsync {
  return async (host) => {
    const { prefix } = host;
    // By the number of its steps: what stands there may be a parameter, or in other letters.
    const steps = prefix.split('/').filter((step) => step !== '').length;
    const plain = prefix.replace(/\/+$/, '');
    const mount = new RegExp(`^(?:https?://[^/?#]*)?(?:/[^/?]*){${steps}}`, 'i');
    for (const sentence of weakeningsOf(host, deps.config.basePath, deps.config.trustProxy.length))
      deps.log.warn({ event: 'host.weakened', weakening: sentence });
    // Bodies are read by us, as they came.
    host.removeAllContentTypeParsers();
    host.addContentTypeParser('*', (_request, _payload, done) => done(null));

    const handOver = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      reply.hijack();
      const { url = '/' } = request.raw;
      const inside =
        plain !== '' && url.startsWith(plain) ? url.slice(plain.length) : url.replace(mount, '');
      return handler(request.raw, reply.raw, inside.startsWith('/') ? inside : `/${inside}`);
    };
    const method = host.supportedMethods;
    for (const url of prefix === '' || prefix === '/' ? AT_ROOT : ['/', '/*'])
      host.route({
        method,
        url,
        exposeHeadRoute: false,
        schema: { hide: true },
        handler: handOver,
      });
    // A host that closes waits for open answers: ours are ended, and their readers come back elsewhere.
    host.addHook('preClose', async () => shut());
  };
}

/** What the host is set to that our own server would not be, one sentence each. */
function weakeningsOf(host: FastifyInstance, basePath: string, trusted: number): string[] {
  const { prefix, server } = host;
  const { trustProxy = false } = optionsOf(host);
  return [
    basePath !== prefix.replace(/\/$/, '') &&
      `PUBLIC_URL has the path ${basePath || '/'}, the plugin the prefix ${prefix || '/'}: links lead to PUBLIC_URL, so a gateway has to bring the two together`,
    server.requestTimeout === 0 && 'the host has no requestTimeout: a slow body may take for ever',
    trustProxy !== false &&
      trusted === 0 &&
      'the host trusts a proxy and TRUST_PROXY is not set: the limits per IP can not tell one client from another',
  ].filter((sentence) => typeof sentence === 'string');
}

/** Fastify shows a few of its options alone (`initialConfig`); the proxies that it trusts are not among them. */
function optionsOf(host: FastifyInstance): { trustProxy?: unknown } {
  for (let at: object | null = host; at !== null; at = Object.getPrototypeOf(at) as object | null)
    for (const symbol of Object.getOwnPropertySymbols(at))
      if (symbol.description === 'fastify.options')
        return (at as Record<symbol, { trustProxy?: unknown }>)[symbol]!;
  return {};
}
