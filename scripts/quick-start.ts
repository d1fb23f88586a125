/**
 * Follows README.md word by word in a bare copy of the repository: every command of "Try it" and "Run it" is read
 * from there and run as it stands, or named here with the reason why it is not. Around it stand a tenant, an inbox and
 * a Redis. Writes .reports/quick-start.json in the words of a test report.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { freePort } from '../demo/ports.ts';
import { spawnRedis } from '../demo/redis.ts';
import { startInbox } from '../stand-ins/inbox.ts';
import { startTenant } from '../stand-ins/tenant.ts';

const ROOT = resolve(import.meta.dirname, '..');
const STEP_MS = 180_000;

/** Not followed here. */
const ELSEWHERE: Record<string, string> = {
  'npm run demo -- --app http://localhost:5173': 'test/demo/demo.test.ts',
  'npm ci && npm test': '.ci/run',
  'cp .env.example .env': 'belongs to docker compose; init writes the same file',
  'docker compose up': 'no engine here; test/compose.test.ts reads the files',
  'docker compose -f docker-compose.yml -f compose.trial.yml up': 'no engine here',
};

/** The commands of the shell blocks below these headings, without their remarks. */
function commandsIn(readme: string): string[] {
  return ['Try it', 'Run it'].flatMap((heading) => {
    const [, chapter = ''] = readme.split(`\n## ${heading}\n`);
    return [...chapter.split('\n## ')[0]!.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
      block!
        .trim()
        .split('\n')
        .map((line) => line.replace(/\s+#.*$/, '')),
    );
  });
}

/** A bare copy: what is tracked, and nothing that was installed or built. */
function copyOfRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quick-start-'));
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
  for (const file of files.split('\0').filter((name) => name !== '')) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  return folder;
}

type Ran = { text: () => string; exited: Promise<number | null>; stop: () => Promise<void> };

const folder = copyOfRepository();
const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim();
const bare = { PATH: process.env['PATH'], HOME: folder, npm_config_cache: cache };

function run(command: string, env: Record<string, string> = {}): Ran {
  const child = spawn('bash', ['-c', command], {
    cwd: folder,
    env: { ...bare, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, which Ctrl-C reaches as a terminal's would.
    detached: true,
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return {
    text: () => text,
    exited,
    async stop() {
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGINT');
      await within(exited, () => `${command} does not end:\n${text}`);
    },
  };
}

async function within<T>(work: Promise<T>, why: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why())), STEP_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Until it says so; what ends before has failed. */
async function untilItSays(ran: Ran, isSaid: (text: string) => unknown): Promise<void> {
  const over = { is: false };
  void ran.exited.then(() => (over.is = true));
  const waiting = async () => {
    while (!isSaid(ran.text())) {
      if (over.is) throw new Error(`it ended:\n${ran.text()}`);
      await new Promise((next) => setTimeout(next, 100));
    }
  };
  await within(waiting(), () => `it says nothing of the kind:\n${ran.text()}`);
}

async function toTheEnd(command: string, env?: Record<string, string>, code = 0): Promise<string> {
  const ran = run(command, env);
  const ended = await within(ran.exited, () => `${command} does not end:\n${ran.text()}`);
  if (ended !== code) throw new Error(`${command} ended with ${ended}:\n${ran.text()}`);
  return ran.text();
}

function expectIn(text: string, ...wanted: (string | RegExp)[]): void {
  for (const one of wanted)
    if (!(typeof one === 'string' ? text.includes(one) : one.test(text)))
      throw new Error(`no ${String(one)} in:\n${text}`);
}

const tenant = await startTenant();
const inbox = await startInbox();
const redis = await spawnRedis();
/** A tenant with nothing in it yet, as `setup` sees it. */
const changed: string[] = [];
const dashboard = createServer((request, response) => {
  if (request.method !== 'GET') changed.push(`${request.method} ${request.url}`);
  const isList = /\/(?:clients|client-grants)(?:\?|$)/.test(request.url!);
  const isActions = /\/actions\/actions(?:\?|$)/.test(request.url!);
  const isBindings = request.url!.includes('/bindings');
  const empty = isActions ? { actions: [] } : isBindings ? { bindings: [], total: 0 } : {};
  response.setHeader('content-type', 'application/json');
  response.statusCode = isList || isActions || isBindings ? 200 : 404;
  response.end(JSON.stringify(isList ? [] : empty));
}).listen(0, '127.0.0.1');
await once(dashboard, 'listening');
const [port, workerPort] = [await freePort(0), await freePort(0)];
const url = `http://localhost:${port}`;

/** What the reader knows and fills in. */
const answers: Record<string, string> = {
  REDIS_URL: redis.url,
  AUTH0_DOMAIN: `q-${randomBytes(4).toString('hex')}.test`,
  AUTH0_BASE_URL: tenant.url,
  PUBLIC_URL: url,
  PORT: String(port),
  WORKER_PORT: String(workerPort),
  AUTH0_AUDIENCE: tenant.audience,
  AUTH0_CLIENT_ID: tenant.clientId,
  AUTH0_CLIENT_SECRET: tenant.clientSecret,
  SMTP_URL: inbox.smtpUrl,
  MAIL_FROM: 'no-reply@readdress.example',
};

/** What `setup` finds out, or makes. */
const CREDENTIALS = ['AUTH0_CLIENT_ID', 'AUTH0_CLIENT_SECRET'];

/** Fills in .env as an editor would: the line of the name, commented out or not. */
function fillIn(wanted: (name: string) => boolean): void {
  const file = join(folder, '.env');
  let text = readFileSync(file, 'utf8');
  for (const [name, value] of Object.entries(answers).filter(([name]) => wanted(name))) {
    const line = new RegExp(`^#?${name}=.*$`, 'm');
    if (!line.test(text)) throw new Error(`.env has no line for ${name}`);
    text = text.replace(line, () => `${name}=${value}`);
  }
  writeFileSync(file, text);
}

async function story(): Promise<void> {
  const { user_id: sub } = tenant.addUser({ email: 'ada@example.com', password: 'correct horse' });
  const token = await tenant.accessToken({
    sub,
    scope: 'change:email',
    claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) },
  });
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }).then((answer) => answer.text());
  const email = 'ada@example.org';
  expectIn(
    await post('/v1/email-changes', { email }, { authorization: `Bearer ${token}` }),
    '"status":"pending"',
  );
  const mail = await inbox.waitFor({ to: email });
  const [, link] = /confirm#([\w-]+)/.exec(mail.text ?? '') ?? [];
  expectIn(await post('/v1/confirm', { token: link }, { prefer: 'wait=10' }), 'committed');
  expectIn(JSON.stringify(tenant.user(sub)), email);
}

const STEPS: Record<string, (command: string) => Promise<void>> = {
  async 'npm ci && npm run demo'(command) {
    const demo = run(command);
    try {
      await untilItSays(demo, (text) => text.includes('Ctrl-C ends everything'));
      const walk = demo
        .text()
        .split('\n')
        .filter((line) => /^ {2}(?:#|curl|TOKEN=|NEW=|MAIL=|LINK=)/.test(line))
        .join('\n');
      expectIn(await toTheEnd(walk), '"status":"pending"', '"status":"committed"', '@example.org');
    } finally {
      await demo.stop();
    }
  },
  async 'npm ci && npm run build'(command) {
    await toTheEnd(command);
  },
  async 'node dist/cli/main.js init'(command) {
    expectIn(await toTheEnd(command), '.env is written', 'Still to do', 'AUTH0_DOMAIN');
    fillIn((name) => !CREDENTIALS.includes(name));
  },
  async 'node dist/cli/main.js setup'(command) {
    const at = { AUTH0_BASE_URL: `http://127.0.0.1:${(dashboard.address() as AddressInfo).port}` };
    expectIn(
      await toTheEnd(command, { ...at, AUTH0_SETUP_TOKEN: 'pasted' }),
      /^missing +API /m,
      'Nothing was changed',
    );
    if (changed.length > 0) throw new Error(`setup wrote: ${changed.join(', ')}`);
    fillIn((name) => CREDENTIALS.includes(name));
  },
  async 'node dist/cli/main.js doctor'(command) {
    // Nobody answers at PUBLIC_URL yet; everything else is right.
    const text = await toTheEnd(command, {}, 1);
    expectIn(text, /^ok +management\.token /m, /^ok +smtp /m, /^1 failures/m, 'PUBLIC_URL');
  },
  async 'npm start'(command) {
    const service = run(command);
    try {
      await untilItSays(service, (text) => text.includes('"event":"workers.started"'));
      await story();
      expectIn(await toTheEnd('node dist/cli/main.js doctor'), /^0 failures/m);
    } finally {
      await service.stop();
    }
  },
};

const say = (line: string) => process.stdout.write(`${line}\n`);
let [passed, failed] = [0, 0];
const commands = commandsIn(readFileSync(join(folder, 'README.md'), 'utf8'));
for (const command of commands) {
  if (ELSEWHERE[command] !== undefined) {
    say(`-  ${command}  (${ELSEWHERE[command]})`);
    continue;
  }
  try {
    const follow = STEPS[command];
    if (!follow) throw new Error('README.md has a command that nobody follows');
    await follow(command);
    passed += 1;
    say(`✓  ${command}`);
  } catch (error) {
    failed += 1;
    say(`✗  ${command}\n${error instanceof Error ? error.message : String(error)}`);
  }
}
for (const name of [...Object.keys(STEPS), ...Object.keys(ELSEWHERE)].filter(
  (known) => !commands.includes(known),
)) {
  failed += 1;
  say(`✗  ${name}  stands no more in README.md`);
}
mkdirSync(join(ROOT, '.reports'), { recursive: true });
writeFileSync(
  join(ROOT, '.reports/quick-start.json'),
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numFailedTestSuites: 0 }),
);
// Nothing here keeps this process alive while the private Redis is waited for.
setInterval(() => undefined, 60_000);
dashboard.close();
await Promise.all([tenant.close(), inbox.close(), redis.stop()]);
rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
process.exit(failed === 0 ? 0 : 1);
