/** The Management API as whoever sets up a tenant calls it: with a token of their own, and in plain words when it refuses. */
import { fetchWhole } from '../../workers/directory/auth0/fetch-whole.ts';

export type Json = Record<string, unknown>;
export type Management = {
  /** `undefined`: 404. @throws {Refused} */
  get: (path: string) => Promise<Json | Json[] | undefined>;
  send: (method: 'POST' | 'PATCH', path: string, body?: object) => Promise<Json>;
};

/** The tenant said no, or nothing. */
export class Refused extends Error {
  override name = 'Refused';
  readonly status: number;
  constructor(message: string, status = 0) {
    super(message);
    this.status = status;
  }
}

const CALL_MS = 10_000;

export function openManagement(baseUrl: string, token: string): Management {
  const call = async (method: string, path: string, body?: object) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    };
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    const response = await fetchWhole(`${baseUrl}/api/v2${path}`, init, CALL_MS).catch(() => {
      throw new Refused('the tenant can not be reached: is AUTH0_DOMAIN right?');
    });
    const answer = await response.json().then(
      (value: unknown) => value as Json,
      (): Json => ({}),
    );
    return { status: response.status, answer };
  };
  const refused = (method: string, path: string, status: number, answer: Json): Refused => {
    const [, place = ''] = path.split(/[/?]/);
    const why = {
      401: 'AUTH0_SETUP_TOKEN is not taken: is it of this tenant, and not expired?',
      403: `AUTH0_SETUP_TOKEN may not ${method === 'GET' ? 'read' : 'write'} ${place}: add the scope`,
      429: 'the tenant wants a pause: try again in a minute',
    }[status];
    const code = typeof answer['errorCode'] === 'string' ? ` ${answer['errorCode']}` : '';
    return new Refused(why ?? `${method} /${place} answers ${status}${code}`, status);
  };
  return {
    async get(path) {
      const { status, answer } = await call('GET', path);
      if (status === 404) return undefined;
      if (status !== 200) throw refused('GET', path, status, answer);
      return answer;
    },
    async send(method, path, body) {
      const { status, answer } = await call(method, path, body);
      if (status < 200 || status > 299) throw refused(method, path, status, answer);
      return answer;
    },
  };
}
