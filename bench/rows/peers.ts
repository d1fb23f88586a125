/**
 * Others who change an address, in the same run and on the same core. Neither does what Readdress does: Auth0's
 * recipe asks no mailbox, and Better Auth sends one mail and writes to its own database.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { freePort } from '../../demo/redis/ready.ts';
import { spread, type Row } from '../figures.ts';
import { callAll, type Call } from '../load.ts';
import { startMeasured, type Measured } from '../processes.ts';
import { newAddress, openStage, requestOf } from '../stage.ts';

const FOLDER = new URL('../peers/', import.meta.url).pathname;
const ROUNDS = 4;
const CHANGES = 200;

/** They are installed where they stand, and only for this. */
function install(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(`${FOLDER}package.json`, 'utf8')) as {
    dependencies: Record<string, string>;
  };
  if (!existsSync(`${FOLDER}node_modules`))
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'inherit' });
  return dependencies;
}

const msPerCall = async (who: Measured, url: string, calls: Call[], expects: number) => {
  const before = who.cpuUs();
  await callAll(url, calls, { connections: 10, expects });
  return (who.cpuUs() - before) / 1000 / calls.length;
};

export async function peers(): Promise<Row[]> {
  const versions = install();
  return [...(await recipe(versions)), ...(await betterAuth(versions))];
}

async function recipe(versions: Record<string, string>): Promise<Row[]> {
  const stage = await openStage();
  const port = await freePort();
  const server = await startMeasured(
    [`${FOLDER}recipe.js`],
    {
      PORT: String(port),
      ISSUER: stage.tenant.issuer,
      AUDIENCE: stage.tenant.audience,
      TENANT: stage.tenant.url,
      CLIENT_ID: stage.tenant.clientId,
      CLIENT_SECRET: stage.tenant.clientSecret,
    },
    `http://127.0.0.1:${port}/readyz`,
  );
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const calls = (await stage.addPeople(CHANGES)).map((person) =>
      requestOf(person, newAddress(person)),
    );
    costs.push(await msPerCall(server, `http://127.0.0.1:${port}`, calls, 202));
  }
  await server.stop();
  await stage.close();
  return [
    {
      measure: `Auth0's recipe (express ${versions['express']}, express-oauth2-jwt-bearer ${versions['express-oauth2-jwt-bearer']}, auth0 ${versions['auth0']}): CPU ms of a request with its PATCH, no mail`,
      figure: spread(costs.slice(1)),
    },
  ];
}

async function betterAuth(versions: Record<string, string>): Promise<Row[]> {
  const stage = await openStage();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startMeasured(
    [`${FOLDER}better-auth.js`],
    { PORT: String(port), SMTP_URL: stage.sink.url },
    `${url}/readyz`,
  );
  const asked: number[] = [];
  const clicked: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const answer = await fetch(`${url}/people/${CHANGES}`);
    const people = (await answer.json()) as { email: string; cookie: string }[];
    stage.sink.clear();
    const before = server.cpuUs();
    await callAll(
      url,
      people.map(({ email, cookie }) => ({
        method: 'POST',
        path: '/api/auth/change-email',
        headers: { cookie, origin: url },
        body: JSON.stringify({ newEmail: email.replace('old', 'new') }),
      })),
      { connections: 10, expects: 200 },
    );
    await stage.sink.untilCount(CHANGES, 60_000);
    asked.push((server.cpuUs() - before) / 1000 / CHANGES);
    const clicks = people.map(({ email, cookie }) => {
      const link = new URL(stage.sink.link(email.replace('old', 'new'))!);
      return { method: 'GET', path: `${link.pathname}${link.search}`, headers: { cookie } };
    });
    clicked.push(await msPerCall(server, url, clicks, 302));
  }
  await server.stop();
  await stage.close();
  const name = `Better Auth ${versions['better-auth']}, SQLite`;
  return [
    { measure: `${name}: CPU ms of a request with its one mail`, figure: spread(asked.slice(1)) },
    { measure: `${name}: CPU ms of a click`, figure: spread(clicked.slice(1)) },
  ];
}
