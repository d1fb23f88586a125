/** What one call costs the API, in CPU, against the reference in the same rounds. */
import { randomBytes } from 'node:crypto';
import { freePort } from '../../demo/redis/ready.ts';
import { median, spread, type Row } from '../figures.ts';
import { callAll, type Call } from '../load.ts';
import { startMeasured, type Measured } from '../processes.ts';
import { newAddress, openStage, requestOf } from '../stage.ts';

const ROUNDS = 5;
const CALLS = 2000;
const CONNECTIONS = 20;

type Door = { measure: string; target: number; expects: number; calls(round: number): Call[] };

export async function doors(): Promise<Row[]> {
  const stage = await openStage();
  const api = await stage.startApi();
  const port = await freePort();
  const reference = await startMeasured(
    ['--import', 'tsx', new URL('../reference.ts', import.meta.url).pathname],
    { PORT: String(port), ISSUER: stage.tenant.issuer, AUDIENCE: stage.tenant.audience },
    `http://127.0.0.1:${port}/readyz`,
  );
  // Each token once, as with distinct users: what a cache of tokens saves is not counted.
  const people = await stage.addPeople(CALLS * (2 * ROUNDS + 2));
  const take = () => people.splice(0, CALLS);
  const costOf = async (who: Measured, url: string, calls: Call[], expects: number) => {
    const before = who.cpuUs();
    await callAll(url, calls, { connections: CONNECTIONS, expects });
    return (who.cpuUs() - before) / calls.length;
  };
  const ask = () => take().map((person) => requestOf(person, newAddress(person)));
  const known = await stage.addPeople(200);
  await callAll(
    stage.url,
    known.map((person) => requestOf(person, newAddress(person))),
    { connections: CONNECTIONS, expects: 202 },
  );
  const wrongToken = (i: number) => `${known[0]!.token.slice(0, -6)}${String(i).padStart(6, 'A')}`;
  const times = (make: (i: number) => Call): Call[] =>
    Array.from({ length: CALLS }, (_, i) => make(i));

  const all: Door[] = [
    { measure: 'request, distinct users', target: 0.5, expects: 202, calls: ask },
    {
      measure: 'status read, 200 users again and again',
      target: 0.8,
      expects: 200,
      calls: () =>
        times((i) => ({
          method: 'GET',
          path: '/v1/email-changes/current',
          headers: { authorization: `Bearer ${known[i % known.length]!.token}` },
        })),
    },
    {
      measure: "a well-formed link token that is nobody's",
      target: 1.2,
      expects: 400,
      calls: () =>
        times(() => ({
          method: 'POST',
          path: '/v1/links/inspect',
          body: JSON.stringify({ token: randomBytes(48).toString('base64url') }),
        })),
    },
    {
      measure: 'a bearer token with a wrong signature',
      target: 1.2,
      expects: 401,
      calls: (round) =>
        times((i) => ({
          method: 'GET',
          path: '/v1/email-changes/current',
          headers: { authorization: `Bearer ${wrongToken(round * CALLS + i)}` },
        })),
    },
    {
      measure: 'a bearer token that is none',
      target: 1.2,
      expects: 401,
      calls: () =>
        times((i) => ({
          method: 'GET',
          path: '/v1/email-changes/current',
          headers: { authorization: `Bearer garbage-${i}` },
        })),
    },
  ];
  // Both warm: the first calls compile.
  await costOf(api, stage.url, ask(), 202);
  await costOf(reference, `http://127.0.0.1:${port}`, ask(), 202);

  const costs = new Map<Door, { own: number[]; ratio: number[] }>();
  const references: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const base = await costOf(reference, `http://127.0.0.1:${port}`, ask(), 202);
    references.push(base);
    for (const door of all) {
      const own = await costOf(api, stage.url, door.calls(round), door.expects);
      const so = costs.get(door) ?? { own: [], ratio: [] };
      so.own.push(own);
      so.ratio.push(base / own);
      costs.set(door, so);
    }
  }
  await reference.stop();
  await stage.close();
  return [
    { measure: 'reference: memoised key + schema, CPU µs', figure: spread(references) },
    ...all.map((door) => ({
      measure: `${door.measure}: calls per CPU second against the reference`,
      figure: `${spread(costs.get(door)!.ratio)}; ${median(costs.get(door)!.own).toFixed(0)} µs`,
      target: `≥ ${door.target}`,
    })),
  ];
}
