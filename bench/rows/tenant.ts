/** What the workers make of a tenant: one that takes its time, one with a low limit, and more processes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../figures.ts';
import { callAll } from '../load.ts';
import { clickOf, newAddress, openStage, requestOf, type Stage } from '../stage.ts';

const LATENCIES_MS = [0, 50, 150];
const BACKLOG = 120;
const LIMITS = [2, 16];
/** More than the highest limit lets through while it is watched. */
const WAITING = 200;
const WATCHED_MS = 10_000;
const PROCESSES = [1, 2, 4];

/** Makes changes that are confirmed and wait for workers: invited by a process that is gone by then. */
async function openBacklog(count: number): Promise<Stage> {
  const stage = await openStage();
  await stage.startApi();
  const inviting = await stage.startWorkers();
  const people = await stage.addPeople(count);
  await callAll(
    stage.url,
    people.map((person) => requestOf(person, newAddress(person))),
    { connections: 10, expects: 202 },
  );
  await stage.sink.untilCount(2 * count, 60_000);
  await inviting.stop();
  await callAll(
    stage.url,
    people.map((person) => clickOf(stage, person)),
    { connections: 10, expects: 202 },
  );
  return stage;
}

/** Commits a second, from the first PATCH to the last. */
async function rateOf({ tenant }: Stage, count: number): Promise<number> {
  const written = () =>
    tenant.calls.filter(({ method, status }) => method === 'PATCH' && status === 200);
  while (written().length < count) await sleep(20);
  const times = written().map(({ at }) => at);
  return (1000 * (count - 1)) / (Math.max(...times) - Math.min(...times));
}

const slowBy = (ms: number, { tenant }: Stage) => {
  if (ms > 0) tenant.faults.add({ kind: 'delay', ms, match: { path: '/api/v2/users' } });
};

/** Commits a second off a backlog, by the tenant's latency. */
export async function latency(): Promise<Row[]> {
  const rates: string[] = [];
  for (const ms of LATENCIES_MS) {
    const stage = await openBacklog(BACKLOG);
    slowBy(ms, stage);
    await stage.startWorkers();
    rates.push((await rateOf(stage, BACKLOG)).toFixed(0));
    await stage.close();
  }
  const measure = `commits a second off a backlog, tenant latency ${LATENCIES_MS.join(' · ')} ms`;
  return [{ measure, figure: rates.join(' · ') }];
}

/** How much of a low limit is used, and how many 429 of our own making that costs. */
export async function limit(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const perSecond of LIMITS) {
    const stage = await openBacklog(WAITING);
    const { calls, rateLimit } = stage.tenant;
    rateLimit.set({ burst: perSecond, perSecond });
    const before = calls.length;
    await stage.startWorkers({ AUTH0_RATE: String(perSecond) });
    const asked = () => calls.slice(before).filter(({ path }) => path.startsWith('/api/v2/'));
    while (asked().length === 0) await sleep(20);
    // After what was saved up for the beginning.
    const from = asked()[0]!.at + 2000;
    await sleep(2000 + WATCHED_MS);
    const watched = asked().filter(({ at }) => at >= from && at < from + WATCHED_MS);
    const refused = asked().filter(({ status }) => status === 429).length;
    await stage.close();
    const share = watched.length / ((perSecond * WATCHED_MS) / 1000);
    rows.push({
      measure: `of a tenant limit of ${perSecond}/s used, backlog of ${WAITING}; 429s`,
      figure: `${(100 * share).toFixed(0)} %; ${refused}`,
      target: '≥ 95 %; 0',
    });
  }
  return rows;
}

/** Commits a second at a latency of 50 ms, by the number of worker processes. */
export async function scale(): Promise<Row[]> {
  const rates: string[] = [];
  for (const processes of PROCESSES) {
    const stage = await openBacklog(2 * BACKLOG);
    slowBy(50, stage);
    await Promise.all(Array.from({ length: processes }, () => stage.startWorkers()));
    rates.push((await rateOf(stage, 2 * BACKLOG)).toFixed(0));
    await stage.close();
  }
  const measure = `commits a second, tenant latency 50 ms, by ${PROCESSES.join(' · ')} worker processes`;
  return [{ measure, figure: rates.join(' · ') }];
}
