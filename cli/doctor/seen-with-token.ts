/** What can only be seen with a token of somebody's: the live status as it arrives, and custom databases. */
import { isOpen, type EmailChange } from '../../src/domain/email-change.ts';
import type { ApiConfig, WorkerConfig } from '../../src/config.ts';
import { openManagement, Refused, type Json } from '../setup/management.ts';
import { failure, nameOf, ok, skipped, type Check, type Finding } from './finding.ts';

/** The first state comes at once; a proxy that collects an answer before it hands it on never has all of it. */
const FIRST_BYTES_MS = 3000;

/** Follows the open change of the token's user, as the app does. */
export const checkStream = (config: ApiConfig, token: unknown): Check => ({
  name: 'events',
  setting: 'PUBLIC_URL',
  async run({ signal }) {
    if (typeof token !== 'string')
      return [
        skipped(
          'events',
          'no access token was given to follow a change with',
          '--token, with one of a user who has an open change',
        ),
      ];
    const headers = { authorization: `Bearer ${token}` };
    const at = `${config.publicUrl}/v1/email-changes`;
    const answer = await fetch(`${at}/current`, { headers, signal, redirect: 'manual' })
      .then(async (response) => (response.status === 200 ? await response.json() : undefined))
      .catch(() => undefined);
    const { id, status } = Object(answer) as Partial<EmailChange>;
    if (typeof id !== 'string' || !isOpen({ status } as EmailChange))
      return [
        skipped(
          'events',
          'the user of the token has no open change to follow',
          'Ask for one in the app, and look again.',
        ),
      ];
    const late = AbortSignal.timeout(FIRST_BYTES_MS);
    const got = await firstBytes(`${at}/${id}/events`, headers, AbortSignal.any([signal, late]));
    if (got === 'stream') return [ok('events', 'the live status comes through', 'PUBLIC_URL')];
    return [
      failure(
        'events',
        'PUBLIC_URL',
        late.aborted
          ? `the live status does not come within ${FIRST_BYTES_MS / 1000} s: something on the way holds it back`
          : `the live status can not be followed: ${got}`,
        'Let the proxy hand on text/event-stream as it comes: no buffering, no compression, no time limit below a minute.',
      ),
    ];
  },
});

/** `stream` when some of it came; else what came instead. */
async function firstBytes(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<string> {
  try {
    const response = await fetch(url, { headers, signal, redirect: 'manual' });
    const type = response.headers.get('content-type') ?? 'no type';
    if (response.status !== 200 || !type.startsWith('text/event-stream'))
      return `${response.status}, ${type.split(';')[0]}`;
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return value && value.length > 0 ? 'stream' : 'it ends at once';
  } catch (error) {
    return nameOf(error);
  }
}

/** With the token of `readdress setup`: the service's own may not read connections, and need not. */
export const checkDatabases = (config: WorkerConfig, token: string | undefined): Check => ({
  name: 'database',
  setting: 'AUTH0_DOMAIN',
  async run() {
    if (!token)
      return [
        skipped(
          'database',
          'no AUTH0_SETUP_TOKEN is set to see custom databases with',
          'Where there are some: one with read:connections (readdress setup --help).',
        ),
      ];
    const path = '/connections?strategy=auth0&fields=name,options&include_fields=true&per_page=100';
    try {
      const found = await openManagement(config.auth0Url, token).get(path);
      return judged(Array.isArray(found) ? found : []);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return [skipped('database', 'custom databases can not be seen', error.message)];
    }
  },
});

/** A database of the customer's own, whose users stay there, is written by its scripts alone. */
function judged(connections: Json[]): Finding[] {
  const lacking = connections.filter(({ options }) => {
    const { enabledDatabaseCustomization, import_mode, customScripts } = Object(options) as Json;
    const { change_email: script } = Object(customScripts) as Json;
    const isOwn = enabledDatabaseCustomization === true && import_mode !== true;
    return isOwn && (typeof script !== 'string' || script.trim() === '');
  });
  if (lacking.length === 0)
    return [ok('database', 'no custom database lacks its change_email script', 'AUTH0_DOMAIN')];
  return lacking.map(({ name }) =>
    failure(
      'database',
      'AUTH0_DOMAIN',
      `the custom database ${String(name)} has no change_email script: every commit of its users waits`,
      'Add the script by the Management API (docs/auth0-setup.md); saving in the Dashboard deletes it.',
    ),
  );
}
