/** What a change costs Redis, and whether many of them make anything dearer. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { median, spread, type Row } from '../figures.ts';
import { openFiller } from '../fill.ts';
import { callAll } from '../load.ts';
import { clickOf, newAddress, openStage, requestOf, type Stage } from '../stage.ts';

const CHANGES = 200;
const SIZES = [1000, 10_000, 100_000];
const ROUNDS = 2;

const usedMemory = async (redis: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))![1]);

/** Both mails of all of these are out, and nothing is at work. */
async function ask(stage: Stage, count: number) {
  const people = await stage.addPeople(count);
  stage.sink.clear();
  await callAll(
    stage.url,
    people.map((person) => requestOf(person, newAddress(person))),
    { connections: 10, expects: 202 },
  );
  await stage.sink.untilCount(2 * count, 60_000);
  return people;
}

async function click(stage: Stage, people: Awaited<ReturnType<typeof ask>>): Promise<void> {
  await callAll(
    stage.url,
    people.map((person) => clickOf(stage, person)),
    { connections: 10, expects: 202 },
  );
  await stage.sink.untilCount(4 * people.length, 60_000);
}

/** Bytes of Redis per change, everything counted, when nothing is at work. */
export async function redisBytes(): Promise<Row[]> {
  const stage = await openStage();
  await stage.startApi();
  await stage.startWorkers();
  await click(stage, await ask(stage, CHANGES));
  await sleep(1500);
  const before = await usedMemory(stage.redis);
  const people = await ask(stage, CHANGES);
  await sleep(1500);
  const open = await usedMemory(stage.redis);
  await click(stage, people);
  await sleep(1500);
  const committed = await usedMemory(stage.redis);
  await stage.close();
  const each = (bytes: number) => ((bytes - before) / CHANGES).toFixed(0);
  return [
    { measure: 'bytes of Redis per open change', figure: each(open), target: '≤ 1,500' },
    { measure: 'bytes of Redis per committed change', figure: each(committed), target: '≤ 1,200' },
  ];
}

/** The cost of a request, of a click and of a sweep beside 1,000, 10,000 and 100,000 open changes. */
export async function sizes(): Promise<Row[]> {
  const stage = await openStage();
  const api = await stage.startApi();
  const workers = await stage.startWorkers();
  const filler = await openFiller(stage.env);
  const cpuMs = () => (api.cpuUs() + workers.cpuUs()) / 1000;
  const costOf = async <T>(act: () => Promise<T>): Promise<[T, number]> => {
    const before = cpuMs();
    const result = await act();
    return [result, (cpuMs() - before) / CHANGES];
  };
  await click(stage, await ask(stage, CHANGES));
  const rows: Row[] = [];
  const first: number[] = [];
  let filled = 0;
  for (const size of SIZES) {
    const empty = await usedMemory(stage.redis);
    await filler.add(size - filled);
    const bytes = ((await usedMemory(stage.redis)) - empty) / (size - filled);
    filled = size;
    const figures = { request: [] as number[], click: [] as number[], sweep: [] as number[] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const [people, asked] = await costOf(() => ask(stage, CHANGES));
      const [, clicked] = await costOf(() => click(stage, people));
      figures.request.push(asked);
      figures.click.push(clicked);
      for (let i = 0; i < 20; i += 1) figures.sweep.push(await filler.sweepMs());
    }
    const so = [figures.request, figures.click].map(median);
    if (first.length === 0) first.push(...so);
    const against = so.map((cost, i) => `${((100 * cost) / first[i]!).toFixed(0)} %`).join(' · ');
    rows.push({
      measure: `beside ${size.toLocaleString('en')} open changes (${bytes.toFixed(0)} bytes each): CPU ms of a request · a click; ms of a sweep`,
      figure: `${spread(figures.request)} · ${spread(figures.click)} (${against}); ${median(figures.sweep).toFixed(1)}`,
      target: '≤ 105 % of 1,000',
    });
  }
  await filler.close();
  await stage.close();
  return rows;
}
