/** Live status: what an open stream costs, and how soon a transition is told when many are open. */
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile, type Row } from '../figures.ts';
import { callOnce } from '../load.ts';
import { newAddress, openStage, requestOf, type Person } from '../stage.ts';

const STREAMS = 1000;
const TOLD = 50;

export async function streams(): Promise<Row[]> {
  const stage = await openStage();
  const api = await stage.startApi();
  const agent = new Agent({ keepAlive: true });
  const follow = (person: Person, path: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${person.token}` };
      request(`${stage.url}${path}`, { headers }, resolve).on('error', reject).end();
    });
  const followed: { person: Person; path: string; stream: IncomingMessage }[] = [];
  const idleMiB = api.residentMiB();
  for (const person of await stage.addPeople(STREAMS)) {
    const { text } = await callOnce(agent, stage.url, requestOf(person, newAddress(person)));
    const path = `/v1/email-changes/${(JSON.parse(text) as { id: string }).id}`;
    const stream = await follow(person, `${path}/events`);
    stream.resume();
    followed.push({ person, path, stream });
  }
  await sleep(2000);
  const openMiB = api.residentMiB();

  const withdraw = ({ person, path }: (typeof followed)[number]) =>
    callOnce(agent, stage.url, {
      method: 'DELETE',
      path,
      headers: { authorization: `Bearer ${person.token}` },
    });
  // A change that is withdrawn ends its stream: that is when its reader knows.
  const ended = ({ stream }: (typeof followed)[number]) =>
    new Promise<void>((resolve) => stream.once('end', resolve));
  const one: number[] = [];
  for (const each of followed.splice(0, TOLD)) {
    const at = performance.now();
    const told = ended(each);
    await Promise.all([withdraw(each), told]);
    one.push(performance.now() - at);
  }
  const at = performance.now();
  await Promise.all(followed.map(async (each) => Promise.all([ended(each), withdraw(each)])));
  const allMs = performance.now() - at;
  agent.destroy();
  await stage.close();
  return [
    {
      measure: `${STREAMS} open streams, KiB of the API each, their changes' requests included`,
      figure: (((openMiB - idleMiB) * 1024) / STREAMS).toFixed(0),
      target: '≤ 25',
    },
    {
      measure: `a transition to its stream, ${STREAMS} open, ms, p50 · p95`,
      figure: `${quantile(one, 0.5).toFixed(1)} · ${quantile(one, 0.95).toFixed(1)}`,
    },
    {
      measure: `${STREAMS - TOLD} transitions at once, until each stream has heard of its own, ms`,
      figure: allMs.toFixed(0),
    },
  ];
}
