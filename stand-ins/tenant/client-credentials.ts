/** The client_credentials grant of POST /oauth/token, with Auth0's words for each refusal. */
import { json, oauthError, type Answer } from './answers.ts';
import { ASSERTION_TYPE, createAssertionCheck, type MachineClient } from './clients.ts';
import { decodeJwt } from './jwt.ts';
import { textOf, wordsOf } from './shapes.ts';

export interface ClientCredentialsDeps {
  issuer: string;
  clients: MachineClient[];
  /** Signs an access token for `client`; the scopes are those of its grant. */
  issue: (
    client: MachineClient,
    audience: string,
    scope: string,
  ) => { token: string; ttlS: number };
}

type Body = Record<string, unknown>;

function audienceRefusal(client: MachineClient, audience: string): Answer | undefined {
  if (audience === '') {
    return oauthError(
      403,
      'access_denied',
      'No audience parameter was provided, and no default audience has been configured',
    );
  }
  if (audience in client.grants) return undefined;
  return oauthError(
    403,
    'access_denied',
    `Client is not authorized to access "${audience}". You need to create a "client-grant" associated to this API.`,
  );
}

export function createClientCredentials({ issuer, clients, issue }: ClientCredentialsDeps) {
  const assertionRefusal = createAssertionCheck(issuer);

  function authenticate(body: Body): MachineClient | Answer {
    const assertion = body['client_assertion'];
    const claimed =
      body['client_id'] ??
      (typeof assertion === 'string' ? decodeJwt(assertion)?.claims['sub'] : undefined);
    const client = clients.find((known) => known.clientId === claimed);
    if (!client) return oauthError(401, 'access_denied', 'Unauthorized');
    if (assertion === undefined) {
      return body['client_secret'] === client.clientSecret
        ? client
        : oauthError(401, 'access_denied', 'Unauthorized');
    }
    if (body['client_assertion_type'] !== ASSERTION_TYPE) {
      return oauthError(400, 'invalid_request', 'client_assertion_type is not supported');
    }
    return assertionRefusal(client, textOf(assertion) ?? '') ?? client;
  }

  return (body: Body): Answer => {
    const client = authenticate(body);
    if ('status' in client) return client;
    const audience = textOf(body['audience']) ?? '';
    const refusal = audienceRefusal(client, audience);
    if (refusal) return refusal;
    const granted = client.grants[audience] ?? [];
    const asked = 'scope' in body ? wordsOf(body['scope']) : granted;
    const scope = granted.filter((name) => asked.includes(name)).join(' ');
    const { token, ttlS } = issue(client, audience, scope);
    return json(
      200,
      { access_token: token, scope, expires_in: ttlS, token_type: 'Bearer' },
      { 'cache-control': 'no-store', pragma: 'no-cache' },
    );
  };
}
