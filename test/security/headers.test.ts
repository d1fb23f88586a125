/** The page behind the mailed link as Mozilla's HTTP Observatory scores it (algorithm v4). */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { send, type WireAnswer } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';

type Policy = Record<string, string[]>;
const policyOf = ({ headers }: WireAnswer): Policy =>
  Object.fromEntries(
    String(headers['content-security-policy'] ?? '')
      .split(';')
      .map((part) => part.trim().toLowerCase().split(/\s+/))
      .map(([name = '', ...sources]) => [name, sources]),
  );

const sourcesOf = (policy: Policy, name: string): string[] =>
  policy[name] ?? policy['default-src'] ?? ['*'];

/** -25 … +10 */
function scoreCsp(policy: Policy): number {
  const scripts = [...sourcesOf(policy, 'script-src'), ...sourcesOf(policy, 'object-src')];
  const loose = /^(?:\*|https?:|data:|blob:|ftp:)$|:\/\/\*/;
  if (policy[''] !== undefined || !policy['default-src']) return -25;
  if (scripts.some((source) => loose.test(source) || source === "'unsafe-inline'")) return -20;
  if (scripts.includes("'unsafe-eval'")) return -10;
  if (sourcesOf(policy, 'style-src').some((source) => loose.test(source) || /unsafe/.test(source)))
    return 0;
  const all = Object.values(policy).flat();
  if (all.some((source) => source.startsWith('http:'))) return -10;
  const closed = policy['default-src'].length === 1 && policy['default-src'][0] === "'none'";
  const forms = policy['form-action']?.every((source) => /^'(?:none|self)'$/.test(source));
  const framed = policy['frame-ancestors']?.every((source) => /^'(?:none|self)'$/.test(source));
  const based = policy['base-uri']?.every((source) => /^'(?:none|self)'$/.test(source));
  return closed && forms && framed && based ? 10 : 5;
}

/** -50, 0, or +5 for scripts that are held to their bytes; what each of them says has to be true. */
async function scoreSri(world: World, page: WireAnswer): Promise<number> {
  const tags = page.text.match(/<(?:script|link rel="stylesheet")\b[^>]*>/g) ?? [];
  for (const tag of tags) {
    const [, address = ''] = /(?:src|href)="([^"]+)"/.exec(tag) ?? [];
    if (!/^\/[^/]/.test(address)) return -50;
    const [, digest] = /integrity="sha384-([^"]+)"/.exec(tag) ?? [];
    if (digest === undefined) return 0;
    const file = await send(world.api, address);
    expect(createHash('sha384').update(file.text).digest('base64'), address).toBe(digest);
  }
  return tags.some((tag) => tag.startsWith('<script')) ? 5 : 0;
}

async function score(world: World, page: WireAnswer): Promise<Record<string, number>> {
  const { headers } = page;
  const policy = policyOf(page);
  const is = (name: string, values: RegExp) => values.test(String(headers[name] ?? ''));
  const [, maxAge = '0'] = /^max-age=(\d+)/.exec(headers['strict-transport-security'] ?? '') ?? [];
  return {
    csp: scoreCsp(policy),
    cookies: headers['set-cookie'] === undefined ? 0 : -40,
    cors: is('access-control-allow-origin', /\*/) ? -50 : 0,
    referrerPolicy: is(
      'referrer-policy',
      /^(?:no-referrer|same-origin|strict-origin(?:-when-cross-origin)?)$/,
    )
      ? 5
      : -5,
    // Six months; the bonus is for the preload list, which is the adopter's decision.
    hsts: Number(maxAge) >= 15_768_000 ? 0 : Number(maxAge) > 0 ? -10 : -20,
    sri: await scoreSri(world, page),
    contentTypeOptions: is('x-content-type-options', /^nosniff$/) ? 0 : -5,
    framing: policy['frame-ancestors']?.every((source) => /^'(?:none|self)'$/.test(source))
      ? 5
      : -20,
    corp: is('cross-origin-resource-policy', /^same-(?:origin|site)$/) ? 10 : 0,
    coep: is('cross-origin-embedder-policy', /^(?:require-corp|credentialless)$/) ? 10 : 0,
    coop: is('cross-origin-opener-policy', /^same-origin$/) ? 10 : 0,
  };
}

test('the page of a link scores all of the 155 points that need no preload list, a page without a script 150: A+', async () => {
  const world = await startWorld({ workers: false, env: { PUBLIC_URL: 'https://change.example' } });
  const expected: Record<string, number> = {
    '/confirm': 155,
    '/approve': 155,
    '/cancel': 155,
    '/undo': 155,
    // A scan starts here, and gives points for a script's integrity only where there is a script.
    '/': 150,
    '/problems': 150,
    '/nowhere': 150,
  };
  for (const [path, most] of Object.entries(expected)) {
    const page = await send(world.api, path, { headers: { accept: 'text/html' } });
    expect(page.status, path).toBe(path === '/nowhere' ? 404 : 200);
    const points = Object.entries(await score(world, page));
    // Bonuses count only for who has lost next to nothing.
    expect(
      points.filter(([, each]) => each < 0),
      path,
    ).toEqual([]);
    expect(
      points.reduce((sum, [, each]) => sum + each, 100),
      path,
    ).toBe(most);
  }
});
