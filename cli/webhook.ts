import { readWorkerConfig } from '../src/config.ts';
import { post } from '../workers/send-event.ts';
import { wrongUsage, type Command } from './command.ts';

export const webhook: Command = {
  usage: 'webhook test',
  about: 'sends a signed `readdress.ping` to WEBHOOK_URL and says what it answered',
  takes: [1, 1],
  async run({ shell, item, fail }, what) {
    if (what !== 'test') wrongUsage('webhook takes test');
    const config = readWorkerConfig(shell.env);
    if (config.webhookUrl === undefined) return fail('WEBHOOK_URL is not set');
    const answered = await ping(config, (shell.ambient?.now ?? Date.now)());
    if (answered.status >= 200 && answered.status < 300) {
      item(answered, `${answered.id}: the receiver answered ${answered.status}`);
      return 0;
    }
    return fail(`WEBHOOK_URL: ${whyOf(answered.status)}`);
  },
};

/** An event like all others, about nothing: receivers must take types that they do not know. */
export async function ping(
  config: Parameters<typeof post>[0],
  now: number,
): Promise<{ id: string; status: number }> {
  const id = `ping.${now}`;
  const body = JSON.stringify({
    type: 'readdress.ping',
    timestamp: new Date(now).toISOString(),
    data: {},
  });
  return { id, status: await post(config, { id, body, now }) };
}

/** What an answer that is none of 2xx is likely to mean. */
export function whyOf(status: number): string {
  if (status === 0) return 'the receiver did not answer, or sent us elsewhere';
  if (status === 401 || status === 403 || status === 400)
    return `the receiver answered ${status}: does it verify with one of WEBHOOK_SECRETS?`;
  if (status === 404 || status === 405)
    return `the receiver answered ${status}: is it the right path?`;
  return `the receiver answered ${status}`;
}
