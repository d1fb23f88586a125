/** The service as users reach it: PUBLIC_URL from outside, CORS for each origin, the apps' files, the way to the webhook. */
import type { ApiConfig, Config, WorkerConfig } from '../../src/config.ts';
import { ping, whyOf } from '../webhook.ts';
import { failure, nameOf, ok, skipped, warning, type Check, type Finding } from './finding.ts';

const CALL_MS = 5000;
const SETTING = 'PUBLIC_URL';

const call = (
  url: string,
  signal: AbortSignal,
  init: RequestInit = {},
): Promise<Response | string> =>
  fetch(url, {
    ...init,
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
  }).catch(nameOf);

/** `{}` for what is no JSON. */
const jsonOf = (response: Response): Promise<Record<string, unknown>> =>
  response.json().then(
    (value: unknown) => Object(value) as Record<string, unknown>,
    () => ({}),
  );

export const checkLinks = (config: Config): Check => ({
  name: 'links',
  setting: SETTING,
  async run({ signal }) {
    const live = await call(`${config.publicUrl}/livez`, signal);
    const no = alive(live) ?? (await isUs(live as Response));
    if (no) return [no];
    const ready = await call(`${config.publicUrl}/readyz`, signal);
    const { reason, clockSkewMs } = typeof ready === 'string' ? {} : await jsonOf(ready);
    return [
      ok('links', 'PUBLIC_URL leads to a Readdress', SETTING),
      typeof ready !== 'string' && ready.status === 200
        ? ok('links.ready', 'it is ready', SETTING)
        : failure(
            'links.ready',
            SETTING,
            `the API there is not ready: ${typeof reason === 'string' ? reason : 'it says no more'}`,
            'Its log says more.',
          ),
      ...(clockSkewMs === undefined
        ? []
        : [warning('links.ready', 'clock', "the API's clock is wrong", 'Let it be set by NTP.')]),
    ];
  },
});

/** What keeps PUBLIC_URL from being asked anything. */
function alive(live: Response | string): Finding | undefined {
  const no = (why: string, todo: string) => failure('links', SETTING, why, todo);
  if (typeof live !== 'string') return undefined;
  const why = `can not be reached from here: ${live}`;
  if (/Timeout|TIMEDOUT|Abort/i.test(live))
    return warning(
      'links',
      SETTING,
      why,
      'From here it may be the firewall, or no way round; try it from outside.',
    );
  if (/CERT|SSL|TLS|SELF|UNABLE|ALTNAME/i.test(live))
    return no(
      `its certificate is not accepted: ${live}`,
      'Renew it, with the whole chain, for this very name.',
    );
  if (live === 'ENOTFOUND' || live === 'EAI_AGAIN') return no(why, 'The name is not in the DNS.');
  return no(why, 'Is the API started, and does the proxy lead there?');
}

async function isUs(live: Response): Promise<Finding | undefined> {
  const no = (why: string, todo: string) => failure('links', SETTING, why, todo);
  if (live.status >= 300 && live.status < 400)
    return no(
      'redirects elsewhere',
      'Write the address where it ends: links must not be sent round.',
    );
  if (live.status === 502 || live.status === 503 || live.status === 504)
    return no(
      `a proxy answers ${live.status}`,
      'It finds no API behind it: is it started, and the port right?',
    );
  const { status } = await jsonOf(live);
  return live.status === 200 && status === 'ok'
    ? undefined
    : no(
        `somebody else answers there (${live.status})`,
        'Is the path right, and does the proxy hand on all of it?',
      );
}

/** As a browser asks before it lets an app call us. */
export const checkCors = (config: ApiConfig, origin: string): Check => ({
  name: 'cors',
  setting: 'CORS_ORIGINS',
  async run({ signal }) {
    const answer = await call(`${config.publicUrl}/v1/email-changes`, signal, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    if (typeof answer === 'string')
      return [skipped('cors', `${origin}: PUBLIC_URL can not be reached`)];
    const allowed = answer.headers.get('access-control-allow-origin') ?? '';
    if (allowed === origin) return [ok('cors', `${origin} may call the API`, 'CORS_ORIGINS')];
    const why = allowed === '' ? 'is not allowed' : 'is not what the answer allows';
    return [
      failure(
        'cors',
        'CORS_ORIGINS',
        `${origin} ${why}`,
        'Restart the API with this setting; or a proxy takes the header away, or adds a second one.',
      ),
    ];
  },
});

const FILES = [
  { path: 'apple-app-site-association', setting: 'APP_LINKS_IOS' },
  { path: 'assetlinks.json', setting: 'APP_LINKS_ANDROID' },
] as const;

/** Phones take a link to an app only where its file is at the root of the host, without a redirect. */
export const checkAppFiles = (config: ApiConfig): Check[] =>
  FILES.filter(({ setting }) =>
    setting === 'APP_LINKS_IOS' ? config.appLinksIos.length > 0 : config.appLinksAndroid.length > 0,
  ).map(({ path, setting }) => ({
    name: 'app-links',
    setting,
    async run({ signal }) {
      const url = new URL(`/.well-known/${path}`, config.publicUrl).href;
      const answer = await call(url, signal);
      if (typeof answer === 'string')
        return [skipped('app-links', `${path}: the host can not be reached`)];
      const text = JSON.stringify(await jsonOf(answer));
      const apps =
        setting === 'APP_LINKS_IOS'
          ? config.appLinksIos
          : config.appLinksAndroid.map((app) => app.package);
      const missing = apps.filter((app) => !text.includes(app));
      return [
        answer.status === 200 && missing.length === 0
          ? ok('app-links', `${path} names the apps`, setting)
          : failure(
              'app-links',
              setting,
              `${path} answers ${answer.status}${missing.length > 0 ? ` and does not name ${missing.join(', ')}` : ''}`,
              'The host of PUBLIC_URL has to serve it at its root, without a redirect.',
            ),
      ];
    },
  }));

/** The app's own page that confirms. */
export const checkConfirmPage = (config: Config): Check => ({
  name: 'confirm-page',
  setting: 'CONFIRM_URL',
  async run({ signal }) {
    const answer = await call(config.confirmUrl, signal);
    if (typeof answer === 'string')
      return [
        warning(
          'confirm-page',
          'CONFIRM_URL',
          `can not be reached from here: ${answer}`,
          'Every mailed link leads there: open it in a browser.',
        ),
      ];
    return answer.status < 400
      ? [ok('confirm-page', 'answers', 'CONFIRM_URL')]
      : [
          warning(
            'confirm-page',
            'CONFIRM_URL',
            `answers ${answer.status}`,
            'Every mailed link leads there: does the app know that route?',
          ),
        ];
  },
});

export const checkWebhook = (config: WorkerConfig): Check => ({
  name: 'webhook',
  setting: 'WEBHOOK_URL',
  async run() {
    const { status } = await ping(config, Date.now());
    return status >= 200 && status < 300
      ? [ok('webhook', `takes a signed ping: ${status}`, 'WEBHOOK_URL')]
      : [
          failure(
            'webhook',
            status === 401 || status === 403 ? 'WEBHOOK_SECRETS' : 'WEBHOOK_URL',
            whyOf(status),
            'Events are tried for three days, then parked.',
          ),
        ];
  },
});
