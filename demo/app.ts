/** `npm run demo -- --app http://localhost:5173`: an app of one's own, let in by everybody that it talks to. */
import { parseArgs } from 'node:util';

export type OwnApp = { origin: string; urls: string[] };

/** The app that was asked for, if any. Only this machine reaches the demo. @throws when it can not be let in */
export function ownApp(args: readonly string[], env: string | undefined): OwnApp | undefined {
  const { values } = parseArgs({ args: [...args], options: { app: { type: 'string' } } });
  const text = values.app ?? env;
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || !/^(?:localhost|127\.0\.0\.1)$/.test(url.hostname))
    throw new Error(`--app: write where your app runs, like http://localhost:5173 (not ${text})`);
  const { origin } = url;
  // With and without the slash, and the very page: callbacks are compared exactly.
  return { origin, urls: [...new Set([origin, `${origin}/`, url.href])] };
}

/** What an app has to know, to be pasted into its settings. */
export const settingsFor = (
  { origin }: OwnApp,
  told: { tenant: string; clientId: string; audience: string; api: string },
): string => `
Your app at ${origin} is let in: log in as ada@example.com, "correct horse". It has to know:

  domain     ${told.tenant}
  clientId   ${told.clientId}
  audience   ${told.audience}
  scope      openid profile email change:email
  base-url   ${told.api}
`;
