/**
 * Auth0's own recipe: the app sends its access token, the backend writes the new address at once, by the
 * Management API with a cached token. Nobody has proved that they can read the new mailbox.
 */
import { UsersClient } from 'auth0/users';
import express from 'express';
import { auth } from 'express-oauth2-jwt-bearer';

const { PORT, ISSUER, AUDIENCE, TENANT, CLIENT_ID, CLIENT_SECRET } = process.env;
const answer = await fetch(`${TENANT}/oauth/token`, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    audience: `${TENANT}/api/v2/`,
  }),
});
const { access_token: token } = await answer.json();
const users = new UsersClient({ baseUrl: `${TENANT}/api/v2`, token });

const app = express();
app.get('/readyz', (_, response) => response.json({ status: 'ok' }));
app.post(
  '/v1/email-changes',
  auth({
    issuer: ISSUER,
    jwksUri: `${TENANT}/.well-known/jwks.json`,
    audience: AUDIENCE,
    tokenSigningAlg: 'RS256',
  }),
  express.json(),
  async (request, response) => {
    const { email } = request.body;
    await users.update(request.auth.payload.sub, { email, verify_email: false });
    response.status(202).json({ email });
  },
);
app.listen(Number(PORT), '127.0.0.1');
