import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeJwt } from '../../../stand-ins/tenant/jwt.ts';
import { startTenant, type Tenant } from '../../../stand-ins/tenant.ts';
import { createAppKey, proofOf } from '../../support/dpop.ts';
import { createBrowser, REDIRECT_URI } from './browser.ts';

const ADA = { email: 'ada@example.com', password: 'correct horse' };

let tenant: Tenant;

beforeAll(async () => {
  tenant = await startTenant({ spa: { redirectUris: [REDIRECT_URI] }, users: [ADA] });
});
afterAll(() => tenant.close());

it('binds tokens to the key of a proof, once it has the nonce that public clients need', async () => {
  const plain = await createBrowser(tenant).logIn(ADA, {
    scope: 'openid profile email change:email offline_access',
  });
  expect(decodeJwt(plain.access_token)?.claims).not.toHaveProperty('cnf');

  const key = createAppKey();
  const url = `${tenant.url}/oauth/token`;
  const renew = (claims: object) =>
    fetch(url, {
      method: 'POST',
      headers: {
        dpop: proofOf({
          key,
          method: 'POST',
          url,
          token: '',
          claims: { ath: undefined, ...claims },
        }),
      },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: tenant.spaClientId,
        refresh_token: plain.refresh_token ?? '',
      }),
    });
  const asked = await renew({});
  expect([asked.status, await asked.json()]).toMatchObject([400, { error: 'use_dpop_nonce' }]);
  const renewed = await renew({ nonce: asked.headers.get('dpop-nonce') });
  const tokens = (await renewed.json()) as { token_type: string; access_token: string };
  expect([renewed.status, tokens.token_type]).toEqual([200, 'DPoP']);
  expect(decodeJwt(tokens.access_token)?.claims).toMatchObject({
    aud: [tenant.audience, `${tenant.issuer}userinfo`],
    cnf: { jkt: key.jkt },
  });

  const info = await fetch(`${tenant.url}/userinfo`, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  expect(info.status).toBe(401);
});
