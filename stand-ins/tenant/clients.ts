/** Applications of the tenant and how they prove who they are at the token endpoint. */
import { createPublicKey } from 'node:crypto';
import { oauthError, type Answer } from './answers.ts';
import { decodeJwt, signatureFits } from './jwt.ts';

export interface MachineClient {
  clientId: string;
  clientSecret: string;
  /** PEM; with it the client may also sign assertions (private_key_jwt). */
  publicKey?: string;
  /** Audience → scopes: Auth0's client grants. */
  grants: Record<string, string[]>;
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const ASSERTION_ALGORITHMS = ['RS256', 'RS384', 'PS256'];
const SKEW_S = 10;
const MAX_ASSERTION_LIFE_S = 300;

function refusal(description: string): Answer {
  return oauthError(401, 'invalid_client', description);
}

/** Checks client assertions (RFC 7523) by Auth0's rules: short-lived, for us alone, used once. */
export function createAssertionCheck(issuer: string) {
  const usedIds = new Set<string>();

  return (client: MachineClient, assertion: string): Answer | undefined => {
    const token = decodeJwt(assertion);
    if (!token || !client.publicKey) return refusal('The client assertion is not accepted.');
    if (!signatureFits(token, createPublicKey(client.publicKey), ASSERTION_ALGORITHMS)) {
      return refusal('The signature of the client assertion does not fit.');
    }
    const { iss, sub, aud, exp, iat, nbf, jti } = token.claims;
    const now = Date.now() / 1000;
    if (iss !== client.clientId || sub !== client.clientId) {
      return refusal('The iss and sub claims must be the client id.');
    }
    if (aud !== issuer) return refusal(`The aud claim must be ${issuer}`);
    if (typeof exp !== 'number' || exp <= now) return refusal('The client assertion has expired.');
    if (exp > now + MAX_ASSERTION_LIFE_S + SKEW_S) {
      return refusal('The client assertion may live for five minutes at most.');
    }
    if ([iat, nbf].some((time) => typeof time === 'number' && time > now + SKEW_S)) {
      return refusal('The client assertion is not valid yet.');
    }
    if (typeof jti !== 'string' || jti === '') return refusal('The jti claim is missing.');
    if (usedIds.has(jti)) return refusal('The client assertion was used before.');
    usedIds.add(jti);
    return undefined;
  };
}
