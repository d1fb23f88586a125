/**
 * `readdress doctor`: looks at the settings and at everything that they name, all at once, and says of each what is
 * wrong, why, and what to do. Each check has its own time; none shows a secret, a token or a clear address.
 */
import { maskEmail } from '../src/domain/email-address.ts';
import { wrongUsage, type Command } from './command.ts';
import { checkDns } from './doctor/dns.ts';
import {
  ok,
  failure,
  runCheck,
  skipped,
  type Check,
  type Finding,
  type Verdict,
} from './doctor/finding.ts';
import {
  checkAppFiles,
  checkConfirmPage,
  checkCors,
  checkLinks,
  checkWebhook,
} from './doctor/links.ts';
import { checkRedis } from './doctor/redis.ts';
import { checkSettings, readWhatGoes, type Configs, type Env } from './doctor/settings.ts';
import { checkDatabases, checkStream } from './doctor/seen-with-token.ts';
import { checkMail, checkSmtp, noMail } from './doctor/smtp.ts';
import { checkIssuers, checkManagement, checkTenant } from './doctor/tenant.ts';
import { ALL_SETTINGS } from './settings-files.ts';
import { problemsOf } from './token.ts';

export const doctor: Command = {
  usage: 'doctor [api|workers]',
  about: 'looks at the settings and all that they name: what is wrong, why, and what to do',
  takes: [0, 1],
  options: {
    'mail-to': { type: 'string' },
    'dkim-selector': { type: 'string' },
    token: { type: 'string' },
    offline: { type: 'boolean' },
  },
  more: `api or workers looks with the settings of that process alone. --mail-to <address> sends one mail;
--token <jwt> judges a user's access token, and with it the Action, and follows that user's open change;
AUTH0_SETUP_TOKEN with read:connections shows custom databases; --dkim-selector names the DKIM key;
--offline looks at the settings alone. Fetches a fresh management token. Ends within 15 seconds.
Exit codes: 0 nothing is a failure, 1 something is.`,
  async run({ shell, flags, item }, which) {
    if (which !== undefined && which !== 'api' && which !== 'workers')
      wrongUsage('doctor takes api, workers, or nothing');
    const { problems, ...configs } = readWhatGoes(shell.env, which);
    const checks = flags['offline'] === true ? [] : checksOf(configs, flags, shell.env);
    const found = await Promise.all(checks.map((check) => runCheck(check)));
    const findings = [
      ...checkSettings(shell.env, problems, configs),
      ...found.flat(),
      ...(await spoken(flags, configs)),
    ];
    const hide = hiding(shell.env);
    const shown = findings.map((finding) => hidden(finding, hide));
    const count = (verdict: Verdict) =>
      shown.filter((finding) => finding.verdict === verdict).length;
    const failures = count('failure');
    item(
      { ok: failures === 0, failures, warnings: count('warning'), checks: shown },
      [...shown.map(lineOf), '', `${failures} failures, ${count('warning')} warnings`].join('\n'),
    );
    return failures === 0 ? 0 : 1;
  },
};

type Wishes = Readonly<Record<string, unknown>>;

function checksOf({ api, workers }: Configs, flags: Wishes, env: Env): Check[] {
  const config = api ?? workers;
  const to = flags['mail-to'];
  const selector = flags['dkim-selector'];
  return [
    ...(config ? [checkRedis(config), checkTenant(config), checkLinks(config)] : []),
    ...(config && config.confirmUrl !== `${config.publicUrl}/confirm`
      ? [checkConfirmPage(config)]
      : []),
    ...(api
      ? [
          ...checkIssuers(api),
          ...checkAppFiles(api),
          checkStream(api, flags['token']),
          ...api.corsOrigins.map((origin) => checkCors(api, origin)),
        ]
      : []),
    ...(workers
      ? [
          checkManagement(workers),
          checkDatabases(workers, env['AUTH0_SETUP_TOKEN']),
          checkSmtp(workers),
          checkDns(workers, typeof selector === 'string' ? selector : workers.dkim?.selector),
          ...(typeof to === 'string' ? [checkMail(workers, to)] : []),
          ...(workers.webhookUrl === undefined ? [] : [checkWebhook(workers)]),
        ]
      : []),
  ];
}

/** What was or could have been given on the command line. */
async function spoken(flags: Wishes, { api, workers }: Configs): Promise<Finding[]> {
  const unsent = workers && flags['mail-to'] === undefined ? [noMail()] : [];
  const { token } = flags;
  if (!api) return unsent;
  if (typeof token !== 'string')
    return [
      ...unsent,
      skipped(
        'action',
        'no access token was given to see the Action in',
        '--token, with one of a user who has just logged in',
      ),
    ];
  const whys = await problemsOf(token, api, Date.now());
  const found = whys.map(({ why, setting, advice }) =>
    failure('action', setting ?? 'token', `the token would be refused: ${why}`, advice),
  );
  return [
    ...unsent,
    ...(found.length > 0
      ? found
      : [ok('action', 'the token is taken, with the claims of the Action')]),
  ];
}

/** The second line: whatever a check says, no secret of the settings and no address is shown. */
function hiding(env: Env): string[] {
  const secrets = ALL_SETTINGS.filter(({ secret }) => secret).flatMap(({ name }) => {
    const value = env[name] ?? '';
    const parts = URL.canParse(value)
      ? [new URL(value).password, decoded(new URL(value).password)]
      : [];
    return [value, ...value.split(','), ...parts];
  });
  return [...new Set(secrets)]
    .filter((secret) => secret.length >= 4)
    .toSorted((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hidden(finding: Finding, secrets: readonly string[]): Finding {
  const clean = (text: string) =>
    secrets
      .reduce((shown, secret) => shown.replaceAll(secret, '•••'), text)
      .replaceAll(/[\w.+'-]+@[\w-]+(?:\.[\w-]+)+/g, (address) => maskEmail(address));
  return {
    ...finding,
    why: clean(finding.why),
    ...(finding.do === undefined ? {} : { do: clean(finding.do) }),
  };
}

const lineOf = ({ check, verdict, setting, why, do: todo }: Finding): string =>
  [
    `${verdict.padEnd(8)} ${check.padEnd(18)} ${setting === undefined ? '' : `${setting}: `}${why}`,
    ...(todo === undefined || verdict === 'ok' ? [] : [`${' '.repeat(28)}→ ${todo}`]),
  ].join('\n');
