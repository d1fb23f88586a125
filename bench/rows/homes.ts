/** What the same call costs in each home, in CPU, against the service of its own; and a function's cold start. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../../demo/redis/ready.ts';
import { median, spread, type Row } from '../figures.ts';
import { callAll, type Call } from '../load.ts';
import { onCore, startMeasured, type Measured } from '../processes.ts';
import { newAddress, openStage, requestOf, type Stage } from '../stage.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 9);
const CALLS = 400;
const COLD_STARTS = 7;
const HOMES = ['plugin', 'handler', 'fetch', 'echo'] as const;
const TARGETS: Record<string, number> = { plugin: 1.05, handler: 1.05, fetch: 1.25 };
const here = (name: string) => new URL(`../homes/${name}`, import.meta.url).pathname;

export async function homes(): Promise<Row[]> {
  const stage = await openStage({ PUBLIC_URL: 'http://localhost:3000/account' });
  const running: { name: string; at: Measured; url: string }[] = [
    { name: 'own', at: await stage.startApi(), url: stage.url },
  ];
  for (const name of HOMES) {
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const env = { ...stage.env, HOST_PORT: String(port) };
    const at = await startMeasured([here('host.js'), name], env, `${url}/account/readyz`);
    running.push({ name, at, url });
  }
  const known = await stage.addPeople(200);
  const reads: Call[] = Array.from({ length: CALLS }, (_, i) => ({
    method: 'GET',
    path: '/account/v1/email-changes/current',
    headers: { authorization: `Bearer ${known[i % known.length]!.token}`, prefer: 'none=204' },
  }));
  const asks = async (): Promise<Call[]> =>
    (await stage.addPeople(CALLS)).map((person) => ({
      ...requestOf(person, newAddress(person)),
      path: '/account/v1/email-changes',
    }));
  const costs = new Map<string, { read: number[]; ask: number[] }>();
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const { name, at, url } of rotated(running, round)) {
      const isEcho = name === 'echo';
      const cost = async (calls: Call[], expects: number) => {
        const before = at.preciseCpuUs();
        await callAll(url, calls, { connections: 8, expects: isEcho ? 200 : expects });
        return (at.preciseCpuUs() - before) / calls.length;
      };
      const people = await asks();
      let read: number;
      let ask: number;
      try {
        read = await cost(reads, 204);
        ask = await cost(people, 202);
      } catch (error) {
        // A busy disk: an answer of Redis came too late to be sure of it.
        process.stderr.write(`${name}, round ${round}: left out, ${String(error).slice(0, 80)}\n`);
        continue;
      }
      if (round === 0) continue;
      const so = costs.get(name) ?? { read: [], ask: [] };
      so.read.push(read);
      so.ask.push(ask);
      costs.set(name, so);
    }
  for (const { at } of running.slice(1)) await at.stop();
  const rows = await coldStart(stage);
  await stage.close();

  const own = costs.get('own')!;
  const KINDS = [
    ['read', 'a status read'],
    ['ask', 'a request'],
  ] as const;
  const of = (name: string, kind: 'read' | 'ask') => costs.get(name)![kind];
  const ratios = (name: string, kind: 'read' | 'ask') =>
    of(name, kind).map((us) => us / median(own[kind]));
  return [
    ...KINDS.map(([kind, what]) => ({
      measure: `own service, CPU µs of ${what}`,
      figure: spread(own[kind]),
    })),
    ...Object.keys(TARGETS).flatMap((name) =>
      KINDS.map(([kind, what]) => ({
        measure: `${name}: CPU of ${what} against the own service`,
        figure: `${spread(ratios(name, kind))}; ${median(of(name, kind)).toFixed(0)} µs`,
        target: `≤ ${TARGETS[name]}`,
      })),
    ),
    ...KINDS.map(([kind, what]) => ({
      measure: `of which the host of \`fetch\` has, for ${what}, with nobody behind it, µs`,
      figure: spread(of('echo', kind)),
    })),
    ...rows,
  ];
}

/** Each begins once in a while: whoever is first in a round finds the machine in another state. */
const rotated = <T>(list: readonly T[], by: number): T[] => {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
};

/** From nothing to the answer to an event, with a token that has to be looked into. */
async function coldStart(stage: Stage): Promise<Row[]> {
  const [person] = await stage.addPeople(1);
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  for (let i = 0; i < COLD_STARTS; i += 1) {
    const [file, ...args] = onCore([process.execPath, here('cold.js')]);
    const startedAt = performance.now();
    const child = spawn(file!, args, {
      env: {
        ...process.env,
        ...stage.env,
        TASKS: 'inline',
        LOG_LEVEL: 'silent',
        TOKEN: person!.token,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    const [status, cpuUs] = said.toString().split(' ').map(Number);
    seconds.push((performance.now() - startedAt) / 1000);
    if (status !== 204) throw new Error(`the function answered ${status}`);
    cpuSeconds.push(cpuUs! / 1e6);
    await once(child, 'exit');
  }
  return [
    {
      measure: 'a function from nothing to its first answer, s',
      figure: spread(seconds),
      target: '≤ 1.5',
    },
    { measure: 'of which CPU s', figure: spread(cpuSeconds) },
  ];
}
