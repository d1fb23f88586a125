/**
 * What every door costs is compared with this: Fastify, pino, @fastify/jwt and get-jwks with the key kept as
 * PEM, and a JSON schema. It verifies the token and answers; it stores nothing and sends nothing.
 */
import jwt from '@fastify/jwt';
import Fastify from 'fastify';
import buildGetJwks from 'get-jwks';

const { PORT = '0', ISSUER = '', AUDIENCE = '' } = process.env;
const jwks = buildGetJwks({ issuersWhitelist: [ISSUER] });
const keys = new Map<string, string>();

const app = Fastify({ logger: { level: 'info' } });
app.register(jwt, {
  decode: { complete: true },
  secret: async (_request: unknown, { header }: { header: { kid: string; alg: string } }) => {
    const known = keys.get(header.kid);
    if (known) return known;
    const pem = await jwks.getPublicKey({ kid: header.kid, alg: header.alg, domain: ISSUER });
    keys.set(header.kid, pem);
    return pem;
  },
  verify: { algorithms: ['RS256'], allowedIss: ISSUER, allowedAud: AUDIENCE },
} as never);
app.post(
  '/v1/email-changes',
  {
    onRequest: async (request) => void (await request.jwtVerify()),
    schema: {
      body: {
        type: 'object',
        required: ['email'],
        additionalProperties: false,
        properties: { email: { type: 'string', maxLength: 254 } },
      },
    },
  },
  async (request, reply) =>
    reply.status(202).send({ status: 'pending', email: (request.body as { email: string }).email }),
);
app.get('/readyz', async () => ({ status: 'ok' }));
await app.listen({ port: Number(PORT), host: '127.0.0.1' });
