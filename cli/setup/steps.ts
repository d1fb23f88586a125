/**
 * What Readdress needs at a tenant, step by step: what is there is left as it is, what is missing is added. Nothing is
 * ever replaced or taken away.
 */
import { readFileSync } from 'node:fs';
import { Refused, type Json, type Management } from './management.ts';

export type Wish = {
  domain: string;
  audience: string;
  scope: string;
  /** AUTH0_CLIENT_ID, if there is one. */
  clientId: string | undefined;
  /** Client ids of apps whose users may ask. */
  apps: readonly string[];
  endsSessions: boolean;
};
/** `add`: carries it out. `differs`: somebody made it otherwise; a person has to look. */
export type Step =
  | { what: string; state: 'there' }
  | { what: string; state: 'differs'; why: string }
  | { what: string; state: 'missing'; add: () => Promise<void> };
/** What the steps make known to each other, and to the operator. */
export type Made = { clientId?: string; clientSecret?: string; actionId?: string };

const CLIENT = 'Readdress workers';
const ACTION = 'Login evidence for Readdress';
const listOf = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const there = (what: string): Step => ({ what, state: 'there' });
const missing = (what: string, add: () => Promise<unknown>): Step => ({
  what,
  state: 'missing',
  add: async () => void (await add()),
});

/** Looks at the tenant, and changes nothing. @throws {Refused} */
export async function planSetup(api: Management, wish: Wish, made: Made): Promise<Step[]> {
  return [
    await apiStep(api, wish),
    await clientStep(api, wish, made),
    await grantStep(api, wish, made),
    ...(await Promise.all(wish.apps.map((app) => appStep(api, wish, app)))),
    await actionStep(api, wish, made),
    await bindingStep(api, made),
  ];
}

async function apiStep(api: Management, { audience, scope }: Wish): Promise<Step> {
  const what = `API ${audience} with the scope ${scope}`;
  const path = `/resource-servers/${encodeURIComponent(audience)}`;
  const ours = { value: scope, description: 'Change my email address' };
  const found = (await api.get(path)) as Json | undefined;
  if (!found)
    return missing(what, () =>
      api.send('POST', '/resource-servers', {
        name: 'Readdress',
        identifier: audience,
        signing_alg: 'RS256',
        token_lifetime: 900,
        token_dialect: 'rfc9068_profile',
        allow_offline_access: false,
        scopes: [ours],
        subject_type_authorization: {
          user: { policy: 'require_client_grant' },
          client: { policy: 'deny_all' },
        },
      }),
    );
  if (found['signing_alg'] !== 'RS256')
    return {
      what,
      state: 'differs',
      why: `it signs with ${textOf(found['signing_alg'])}: RS256 is needed`,
    };
  const scopes = listOf(found['scopes']);
  if (scopes.some(({ value }) => value === scope)) return there(what);
  return missing(`scope ${scope} of the API ${audience}`, () =>
    api.send('PATCH', path, { scopes: [...scopes, ours] }),
  );
}

async function clientStep(api: Management, { clientId }: Wish, made: Made): Promise<Step> {
  const what = `machine-to-machine application ${clientId ?? CLIENT}`;
  const found = clientId
    ? ((await api.get(`/clients/${encodeURIComponent(clientId)}?fields=client_id,grant_types`)) as
        | Json
        | undefined)
    : await clientNamed(api, CLIENT);
  if (found) {
    made.clientId = textOf(found['client_id']);
    const grants = found['grant_types'];
    return !Array.isArray(grants) || grants.includes('client_credentials')
      ? there(what)
      : { what, state: 'differs', why: 'it may not use client_credentials: it is no machine' };
  }
  if (clientId)
    return { what, state: 'differs', why: 'AUTH0_CLIENT_ID names no application of this tenant' };
  return missing(what, async () => {
    const created = await api.send('POST', '/clients', {
      name: CLIENT,
      app_type: 'non_interactive',
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_post',
    });
    made.clientId = textOf(created['client_id']);
    made.clientSecret = textOf(created['client_secret']);
  });
}

async function clientNamed(api: Management, name: string): Promise<Json | undefined> {
  for (let page = 0; page < 100; page += 1) {
    const query = `per_page=100&page=${page}&fields=client_id,name,grant_types&include_fields=true`;
    const clients = listOf(await api.get(`/clients?${query}`));
    const found = clients.find((client) => client['name'] === name);
    if (found || clients.length < 100) return found;
  }
  throw new Refused(
    'the tenant has more applications than can be looked through: set AUTH0_CLIENT_ID',
  );
}

async function grantStep(
  api: Management,
  { domain, endsSessions }: Wish,
  made: Made,
): Promise<Step> {
  const scope = [
    'read:users',
    'update:users',
    ...(endsSessions ? ['delete:sessions', 'delete:refresh_tokens'] : []),
  ];
  const audience = `https://${domain}/api/v2/`;
  return granted(api, `grant of the Management API: ${scope.join(' ')}`, () => made.clientId, {
    audience,
    scope,
  });
}

const appStep = (api: Management, { audience, scope }: Wish, app: string): Promise<Step> =>
  granted(api, `grant of the API to the app ${app}`, () => app, {
    audience,
    scope: [scope],
    subject_type: 'user',
  });

/** `clientOf` is asked again when it is carried out: the application may be made by a step before. */
async function granted(
  api: Management,
  what: string,
  clientOf: () => string | undefined,
  grant: { audience: string; scope: string[]; subject_type?: string },
): Promise<Step> {
  const client = clientOf();
  const query = new URLSearchParams({ client_id: client ?? '', audience: grant.audience });
  const grants = client ? listOf(await api.get(`/client-grants?${query.toString()}`)) : [];
  const found = grants.find(
    (one) => (one['subject_type'] ?? 'client') === (grant.subject_type ?? 'client'),
  );
  if (!found)
    return missing(what, () =>
      api.send('POST', '/client-grants', { client_id: clientOf(), ...grant }),
    );
  const held = (Array.isArray(found['scope']) ? found['scope'] : []) as string[];
  if (grant.scope.every((name) => held.includes(name))) return there(what);
  const scope = [...new Set([...held, ...grant.scope])];
  return missing(what, () => api.send('PATCH', `/client-grants/${textOf(found['id'])}`, { scope }));
}

async function actionStep(api: Management, { scope }: Wish, made: Made): Promise<Step> {
  const what = `Action "${ACTION}", deployed`;
  const code = actionCode(scope);
  const query = new URLSearchParams({ triggerId: 'post-login', actionName: ACTION });
  const answer = (await api.get(`/actions/actions?${query.toString()}`)) as Json | undefined;
  const found = listOf(answer?.['actions']).find((action) => action['name'] === ACTION);
  const deploy = (id: string) => deployed(api, id);
  if (!found)
    return missing(what, async () => {
      const created = await api.send('POST', '/actions/actions', {
        name: ACTION,
        code,
        runtime: 'node22',
        supported_triggers: [{ id: 'post-login', version: 'v3' }],
      });
      made.actionId = textOf(created['id']);
      await deploy(made.actionId);
    });
  made.actionId = textOf(found['id']);
  if (textOf(found['code']).trim() !== code.trim())
    return {
      what,
      state: 'differs',
      why: 'its code is another one: compare it with auth0/actions/login-evidence.js',
    };
  const { actionId } = made;
  return found['all_changes_deployed'] === false || found['deployed_version'] === undefined
    ? missing(what, () => deploy(actionId))
    : there(what);
}

/** A new Action is built first, which takes some seconds; until then it can not be deployed. */
async function deployed(api: Management, id: string): Promise<void> {
  for (let tries = 0; ; tries += 1)
    try {
      await api.send('POST', `/actions/actions/${id}/deploy`);
      return;
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 400 || tries === 15) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
}

/** The bindings of a trigger are written as a whole: those that are there go along, in their order. */
async function bindingStep(api: Management, made: Made): Promise<Step> {
  const what = `the Action in the login flow, behind those that are there`;
  const path = '/actions/triggers/post-login/bindings';
  const read = async (): Promise<Json[]> => {
    const answer = (await api.get(`${path}?per_page=100`)) as Json | undefined;
    const bindings = listOf(answer?.['bindings']);
    if (typeof answer?.['total'] === 'number' && answer['total'] > bindings.length)
      throw new Refused('there are more bindings than one answer shows: bind the Action by hand');
    return bindings;
  };
  const isBound = (await read()).some(
    ({ action }) =>
      made.actionId !== undefined && (action as Json | undefined)?.['id'] === made.actionId,
  );
  if (isBound) return there(what);
  return missing(what, async () => {
    const kept = (await read()).map(({ id, display_name: name }) => ({
      ref: { type: 'binding_id', value: id },
      display_name: name,
    }));
    const own = { ref: { type: 'action_id', value: made.actionId }, display_name: ACTION };
    return api.send('PATCH', path, { bindings: [...kept, own] });
  });
}

/** For the scope that is asked for here. */
function actionCode(scope: string): string {
  for (const place of ['../../auth0', '../../../auth0'])
    try {
      const file = new URL(`${place}/actions/login-evidence.js`, import.meta.url);
      return readFileSync(file, 'utf8').replace("'change:email'", JSON.stringify(scope));
    } catch {
      // Not here.
    }
  throw new Refused('auth0/actions/login-evidence.js is not here: run this from the package');
}
