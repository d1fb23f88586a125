import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { freePort } from '../demo/ports.ts';
import { kindOfMember, KINDS } from '../src/store/lanes.ts';
import { kindOf } from '../workers/processors.ts';
import { ask, commitChange, newUser } from './support/wire.ts';
import { eventually, startWorld, type World } from './support/world.ts';

/** The samples of a port, by name with labels. */
async function scrape(base: string): Promise<{ text: string; samples: Map<string, number> }> {
  const answer = await fetch(`${base}/metrics`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const samples = lines.map((line): [string, number] => {
    const at = line.lastIndexOf(' ');
    return [line.slice(0, at), Number(line.slice(at + 1))];
  });
  return { text, samples: new Map(samples) };
}
const workersOf = (world: World) => world.workers!.url;

async function startMeasured(options: Parameters<typeof startWorld>[0] = {}) {
  const port = await freePort(0);
  const env = { METRICS_PORT: String(port), ...options.env };
  const world = await startWorld({ ...options, env });
  return { world, api: `http://127.0.0.1:${port}` };
}

test('a kind of task is one of a closed set, which the workers know', () => {
  for (const kind of KINDS) expect(kindOf(kind), kind).toBe(kind);
  expect(['a:commit', 'a:mail.confirm.2', 'a:revoke.undo'].map(kindOfMember)).toEqual([
    'commit',
    'mail',
    'revoke',
  ]);
  for (const odd of ['a:rm -rf', 'commit', '', 'a:', 'a:commits', 'a:b:commit'])
    expect(kindOfMember(odd), odd).toBe('unknown');
});

describe('the measures', () => {
  test('they count what happened, at the door where it happened', async () => {
    const { world, api } = await startMeasured();
    const user = await newUser(world);
    const { id } = await commitChange(world, user, 'new@example.org');
    await eventually(async () => {
      const { samples } = await scrape(workersOf(world));
      return samples.get('readdress_task_duration_seconds_count{task="commit",outcome="done"}');
    }, 'the commit to be counted');

    const workers = (await scrape(workersOf(world))).samples;
    expect(workers.get('readdress_transitions_total{status="committed",reason=""}')).toBe(1);
    expect(
      workers.get('readdress_tenant_call_duration_seconds_count{method="PATCH",status="200"}'),
    ).toBe(1);
    const door = await scrape(api);
    expect(
      door.samples.get(
        'readdress_http_request_duration_seconds_count{method="POST",route="/v1/email-changes",status="202"}',
      ),
    ).toBe(1);
    expect(door.samples.get('readdress_transitions_total{status="confirmed",reason=""}')).toBe(1);
    for (const secret of [id, 'new@example.org', user.sub]) expect(door.text).not.toContain(secret);
  });

  test('each deployment of a process counts its own, and its host may listen to all', async () => {
    const { world, api } = await startMeasured({ workers: false });
    const other = await startMeasured({ workers: false });
    const heard: unknown[] = [];
    const listener = (message: unknown) => void heard.push(message);
    subscribe('readdress.transition', listener);
    const { id } = (await ask(world, (await newUser(world)).token, 'new@example.org')).body;
    unsubscribe('readdress.transition', listener);
    expect(heard).toMatchObject([{ change: id, status: 'pending' }]);
    expect(JSON.stringify(heard)).not.toMatch(/new@|auth0\|/);
    const counted = 'readdress_transitions_total{status="pending",reason=""}';
    expect((await scrape(api)).samples.get(counted)).toBe(1);
    expect((await scrape(other.api)).samples.get(counted)).toBeUndefined();
    expect(world.logs.filter(({ event }) => event === 'email_change.pending')).toHaveLength(1);
    expect(other.world.logs.filter(({ event }) => event === 'email_change.pending')).toEqual([]);
  });

  test('an address that nobody can know of is one route, however many are tried', async () => {
    const { world, api } = await startMeasured({ workers: false });
    for (const path of ['/v1/nothing/ada@example.com', '/wp-login.php', '/v1/email-changes/x/y/z'])
      await world.call('GET', path);
    const { text, samples } = await scrape(api);
    expect(
      samples.get(
        'readdress_http_request_duration_seconds_count{method="GET",route="unknown",status="404"}',
      ),
    ).toBe(3);
    expect(text).not.toMatch(/nothing|wp-login|ada@/);
  });

  test('work that nobody takes is seen to wait, and for how long', async () => {
    const { world, api } = await startMeasured({ workers: false });
    await ask(world, (await newUser(world)).token, 'new@example.org');
    world.pass(90_000);
    const { samples } = await scrape(api);
    expect(samples.get('readdress_redis_up')).toBe(1);
    expect(samples.get('readdress_overdue_tasks')).toBe(1);
    expect(samples.get('readdress_oldest_overdue_seconds')).toBeGreaterThanOrEqual(90);
    expect(samples.get('readdress_parked_tasks')).toBe(0);
    const age = (task: string) => samples.get(`readdress_overdue_task_age_seconds{task="${task}"}`);
    expect(age('invite')).toBeGreaterThanOrEqual(90);
    expect(age('commit')).toBe(0);
  });

  test('without Redis nothing is said of what waits there', async () => {
    const nobody = createServer((socket) => socket.destroy());
    nobody.listen(0, '127.0.0.1');
    await eventually(() => nobody.listening);
    const { port } = nobody.address() as { port: number };
    const { api } = await startMeasured({
      workers: false,
      env: { REDIS_URL: `redis://127.0.0.1:${port}` },
    });
    const { samples } = await scrape(api);
    nobody.close();
    expect(samples.get('readdress_redis_up')).toBe(0);
    expect(samples.has('readdress_overdue_tasks')).toBe(false);
  });

  test('they are on no port that faces the internet', async () => {
    const world = await startWorld({ workers: false });
    expect((await world.call('GET', '/metrics')).status).toBe(404);
  });
});
