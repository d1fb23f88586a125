/** The service's part: a management token and Auth0's own client on the stand-in tenant. */
import { UsersClient } from 'auth0/users';
import { expect } from 'vitest';
import type { Tenant } from '../../../stand-ins/tenant.ts';
import { postToken } from './browser.ts';

export interface TokenAnswer {
  access_token: string;
  scope: string;
  expires_in: number;
  token_type: string;
}

export async function managementToken(tenant: Tenant): Promise<TokenAnswer> {
  const response = await postToken(tenant, {
    grant_type: 'client_credentials',
    client_id: tenant.clientId,
    client_secret: tenant.clientSecret,
    audience: `${tenant.issuer}api/v2/`,
  });
  expect(response.status).toBe(200);
  const answer: TokenAnswer = JSON.parse(await response.text());
  return answer;
}

/** Auth0's `UsersClient`, with this token or a good one. */
export async function usersClient(tenant: Tenant, token?: string): Promise<UsersClient> {
  const supplied = token ?? (await managementToken(tenant)).access_token;
  return new UsersClient({
    baseUrl: `${tenant.url}/api/v2`,
    token: () => supplied,
    maxRetries: 0,
    timeoutInSeconds: 5,
  });
}
