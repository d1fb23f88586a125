/** What a process costs that does nothing yet, and after load; and how long it takes to be ready. */
import { setTimeout as sleep } from 'node:timers/promises';
import { spread, type Row } from '../figures.ts';
import { callAll } from '../load.ts';
import { clickOf, newAddress, openStage, requestOf } from '../stage.ts';

const STARTS = 3;
const LOAD = 1000;

export async function processes(): Promise<Row[]> {
  const stage = await openStage();
  const ready = { api: [] as number[], workers: [] as number[] };
  for (let i = 0; i < STARTS; i += 1) {
    const api = await stage.startApi();
    ready.api.push(api.startedInMs / 1000);
    await api.stop();
    const workers = await stage.startWorkers();
    ready.workers.push(workers.startedInMs / 1000);
    await workers.stop();
  }
  const api = await stage.startApi();
  const workers = await stage.startWorkers();
  await sleep(2000);
  const idle = [api.residentMiB(), workers.residentMiB()];
  const people = await stage.addPeople(LOAD);
  await callAll(
    stage.url,
    people.map((person) => requestOf(person, newAddress(person))),
    { connections: 50, expects: 202 },
  );
  await stage.sink.untilCount(2 * LOAD, 120_000);
  await callAll(
    stage.url,
    people.map((person) => clickOf(stage, person)),
    { connections: 50, expects: 202 },
  );
  await stage.sink.untilCount(4 * LOAD, 120_000);
  const loaded = [api.residentMiB(), workers.residentMiB()];
  await stage.close();
  const memory = (i: number) => `${idle[i]!.toFixed(0)} · ${loaded[i]!.toFixed(0)}`;
  return [
    { measure: 'start to ready, API, s', figure: spread(ready.api), target: '≤ 0.8' },
    { measure: 'start to ready, workers, s', figure: spread(ready.workers), target: '≤ 1.5' },
    { measure: 'resident MiB of the API, idle · loaded', figure: memory(0), target: '≤ 95 · 130' },
    { measure: 'resident MiB of workers, idle · loaded', figure: memory(1), target: '≤ 120 · 160' },
  ];
}
