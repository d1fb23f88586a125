/**
 * Better Auth's change of email, with SQLite: one mail to the new address, and the click writes it to its own
 * database. It is a whole login service of its own; here only the change is measured.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import Database from 'better-sqlite3';
import nodemailer from 'nodemailer';

const { PORT, SMTP_URL } = process.env;
const folder = mkdtempSync(join(tmpdir(), 'better-auth-'));
const database = new Database(join(folder, 'users.sqlite'));
database.pragma('journal_mode = WAL');
const secret = randomBytes(32).toString('hex');
const { hostname, port } = new URL(SMTP_URL);
const transport = nodemailer.createTransport({
  pool: true,
  maxConnections: 5,
  maxMessages: Infinity,
  host: hostname,
  port: Number(port),
  ignoreTLS: true,
});

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret,
  database,
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  emailAndPassword: { enabled: true },
  user: { changeEmail: { enabled: true } },
  emailVerification: {
    sendVerificationEmail: ({ user, url }) =>
      transport.sendMail({
        from: 'peer@readdress.test',
        to: user.email,
        subject: 'Confirm your new email address',
        text: `Confirm: ${url}`,
        html: `<p><a href="${url}">Confirm your new email address</a></p>`,
      }),
  },
});
await (await getMigrations(auth.options)).runMigrations();
const { internalAdapter, authCookies } = await auth.$context;

/** People with a session each: what is measured begins when they are logged in. */
async function addPeople(count) {
  const people = [];
  for (let i = 0; i < count; i += 1) {
    const email = `u${randomBytes(6).toString('hex')}@old.example`;
    const user = await internalAdapter.createUser({ email, name: 'U', emailVerified: true });
    const { token } = await internalAdapter.createSession(user.id);
    const signature = createHmac('sha256', secret).update(token).digest('base64');
    people.push({
      email,
      cookie: `${authCookies.sessionToken.name}=${encodeURIComponent(`${token}.${signature}`)}`,
    });
  }
  return people;
}

const handler = toNodeHandler(auth);
createServer((request, response) => {
  const [, count] = /^\/people\/(\d+)$/.exec(request.url ?? '') ?? [];
  if (request.url === '/readyz') response.end('ok');
  else if (count === undefined) void handler(request, response);
  else void addPeople(Number(count)).then((people) => response.end(JSON.stringify(people)));
}).listen(Number(PORT), '127.0.0.1');

process.on('SIGTERM', () => {
  database.close();
  rmSync(folder, { recursive: true });
  process.exit(0);
});
