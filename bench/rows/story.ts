/** The whole story: what a request, a click and all that follows cost, and how long they take. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile, spread, type Row } from '../figures.ts';
import { callAll, callOnce } from '../load.ts';
import { clickOf, newAddress, openStage, requestOf } from '../stage.ts';

const ROUNDS = 3;
const CHANGES = 300;
const ATONCE = 1000;
const CLICKS = 40;

/** CPU of both processes, from the request to the last mail of a committed change. */
export async function story(): Promise<Row[]> {
  const stage = await openStage();
  const api = await stage.startApi();
  const workers = await stage.startWorkers();
  const asked = { api: [] as number[], workers: [] as number[] };
  const clicked = { api: [] as number[], workers: [] as number[] };

  const measure = async (
    into: typeof asked,
    count: number,
    act: () => Promise<void>,
  ): Promise<void> => {
    const before = [api.cpuUs(), workers.cpuUs()] as const;
    await act();
    into.api.push((api.cpuUs() - before[0]) / 1000 / count);
    into.workers.push((workers.cpuUs() - before[1]) / 1000 / count);
  };
  for (let round = -1; round < ROUNDS; round += 1) {
    const people = await stage.addPeople(CHANGES);
    const [first, second] =
      round < 0 ? [structuredClone(asked), structuredClone(clicked)] : [asked, clicked];
    stage.sink.clear();
    await measure(first, CHANGES, async () => {
      const calls = people.map((person) => requestOf(person, newAddress(person)));
      await callAll(stage.url, calls, { connections: 10, expects: 202 });
      await stage.sink.untilCount(2 * CHANGES, 60_000);
      await sleep(200);
    });
    await measure(second, CHANGES, async () => {
      const calls = people.map((person) => clickOf(stage, person));
      await callAll(stage.url, calls, { connections: 10, expects: 202 });
      await stage.sink.untilCount(4 * CHANGES, 60_000);
      await sleep(200);
    });
  }
  const whole = asked.api.map(
    (_, i) => asked.api[i]! + asked.workers[i]! + clicked.api[i]! + clicked.workers[i]!,
  );
  await stage.close();
  return [
    { measure: 'CPU ms of the API per request', figure: spread(asked.api) },
    {
      measure: 'CPU ms of workers per request (invite, two mails)',
      figure: spread(asked.workers),
      target: '≤ 2.0',
    },
    { measure: 'CPU ms of the API per click', figure: spread(clicked.api) },
    {
      measure: 'CPU ms of workers per click (read, PATCH, two mails)',
      figure: spread(clicked.workers),
      target: '≤ 2.5',
    },
    {
      measure: 'CPU ms of all processes per committed change',
      figure: spread(whole),
      target: '≤ 6',
    },
  ];
}

/** A thousand requests at once, until the last of their mails is out. */
export async function burst(): Promise<Row[]> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const stage = await openStage();
    await stage.startApi();
    await stage.startWorkers();
    const people = await stage.addPeople(ATONCE);
    const startedAt = performance.now();
    const mails = stage.sink.untilCount(2 * ATONCE, 60_000);
    await callAll(
      stage.url,
      people.map((person) => requestOf(person, newAddress(person))),
      { connections: ATONCE, expects: 202 },
    );
    await mails;
    seconds.push((performance.now() - startedAt) / 1000);
    await stage.close();
  }
  return [
    {
      measure: `${ATONCE} requests at once until the last mail is out, s`,
      figure: spread(seconds),
      target: '≤ 4',
    },
  ];
}

/** From a click at a service with nothing else to do until its PATCH arrives. */
export async function clickToPatch(): Promise<Row[]> {
  const stage = await openStage();
  await stage.startApi();
  await stage.startWorkers();
  const agent = new Agent({ keepAlive: true });
  const taken: number[] = [];
  for (const person of await stage.addPeople(CLICKS + 5)) {
    await callOnce(agent, stage.url, requestOf(person, newAddress(person)));
    while (!stage.sink.token(newAddress(person), 'confirm')) await sleep(2);
    await sleep(100);
    const at = performance.now();
    const arrived = stage.tenant.waitFor(
      ({ method, userId }) => method === 'PATCH' && userId === person.sub,
    );
    await callOnce(agent, stage.url, clickOf(stage, person));
    await arrived;
    taken.push(performance.now() - at);
  }
  const warm = taken.slice(5);
  agent.destroy();
  await stage.close();
  return [
    {
      measure: 'click to PATCH at an idle service, ms, p50 · p95',
      figure: `${quantile(warm, 0.5).toFixed(1)} · ${quantile(warm, 0.95).toFixed(1)}`,
      target: '≤ 4 · 10',
    },
  ];
}
