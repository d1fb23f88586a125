/**
 * Every named crash point at least once, in the short run some, drawn by the seed: each life of each process carries the order to end at one of
 * them, people go on using the service, and whatever was left in the middle is finished by others.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { CRASH_POINTS } from './crash-points.mjs';
import { eventually } from '../support/world.ts';
import type { Member } from './deployment.ts';
import { POINTS, SEED } from './plan.ts';
import { createChance } from './random.ts';
import { PREFIX, startStage, type Stage } from './stage.ts';
import { ended } from './steps.ts';
import { expectNoViolation } from './verdict.ts';
import { startCrowd } from './virtual-users.ts';

/** How long a life may go on without coming to its point; the point is given to a later life then. */
const PATIENCE_MS = 15_000;
const TIME_MS = 400_000;
const SHORT = { tags: ['short'] };

/** An operator's system that is glad of every event. */
async function startReceiver(): Promise<string> {
  const server = createServer((req, res) => {
    req.resume();
    res.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Gives work to `verify`. */
const FORGETFUL = {
  kind: 'executeWithout',
  field: 'email_verified',
  match: { method: 'PATCH' },
} as const;

/** Nobody has three days: the end of an undo right is rung for changes whose owners never asked for it. */
async function forgeKeep({ redis }: Stage): Promise<void> {
  const keys = await redis.keys(`${PREFIX}:change:*`);
  const members = keys.slice(0, 3).flatMap((key) => [Date.now(), `${key.split(':').at(-1)}:keep`]);
  if (members.length > 0) await redis.zadd(`${PREFIX}:due`, ...members);
}

const isOfApi = (point: string) => /^(request|click)\./.test(point);

test(
  'a process that dies at any of its steps loses nothing and repeats nothing',
  SHORT,
  async () => {
    const stage = await startStage({
      apis: 2,
      workers: 3,
      env: {
        TASK_LEASE: '5s',
        LINK_TTL: '10s',
        WEBHOOK_URL: await startReceiver(),
        WEBHOOK_SECRETS: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      },
    });
    await stage.ready();
    const crowd = startCrowd(stage, createChance(SEED), 30, 700);
    const struck = new Map<string, number>();
    const deadline = Date.now() + TIME_MS;
    let [lives, revoked] = [0, 0];

    const drive = async (member: Member, points: string[]) => {
      for (let point = points.shift(); point !== undefined; point = points.shift()) {
        if (Date.now() > deadline) return;
        member.crashAt = point;
        member.signal('SIGKILL');
        await member.ended();
        lives += 1;
        await eventually(() => member.pid, 'the next life', 20_000);
        const dead = member.ended().then((end) => end === 'SIGKILL');
        if (await Promise.race([dead, sleep(PATIENCE_MS, false)]))
          struck.set(point, (struck.get(point) ?? 0) + 1);
        else points.push(point);
      }
      member.crashAt = '';
      member.signal('SIGKILL');
    };
    const points = createChance(SEED).fork(1).shuffled(CRASH_POINTS).slice(0, POINTS);
    const forApi = points.filter(isOfApi);
    const forWorkers = points.filter((point) => !isOfApi(point));
    const troubling = setInterval(() => {
      revoked += 1;
      stage.tenant.expireManagementTokens();
      stage.tenant.faults.add({ ...FORGETFUL, times: 1 });
      void forgeKeep(stage);
    }, 3000);
    await Promise.all([
      ...stage.fleet.of('api').map((member) => drive(member, forApi)),
      ...stage.fleet.of('workers').map((member) => drive(member, forWorkers)),
    ]);
    clearInterval(troubling);
    await crowd.stop();
    await stage.ready();
    await stage.quiet();
    // Whatever nobody clicked runs out.
    await ended(stage, 60_000);
    const deaths = lives + struck.size + 5;
    const struckBy = (which: (point: string) => boolean) =>
      [...struck].reduce((sum, [point, times]) => sum + (which(point) ? times : 0), 0);
    const history = await expectNoViolation(stage, {
      suite: 'crash-matrix',
      seed: SEED,
      faults: {
        'CRASH_AT a request': struckBy(isOfApi),
        'CRASH_AT a task': struckBy((point) => !isOfApi(point)),
        'SIGKILL at any time': lives + 5,
        'management tokens revoked': revoked,
        'tenant executeWithout email_verified': revoked,
        'tasks forged by ZADD': revoked,
      },
      leeway: { mails: 10 * deaths, tokens: deaths + revoked },
    });
    process.stderr.write(
      `crash matrix: ${struck.size} of ${points.length} points in ${lives} lives, ` +
        `${history.told.length} calls, ${history.end.records.length} changes, ${history.patches.length} PATCHes\n`,
    );
    expect(points.filter((point) => !struck.has(point))).toEqual([]);
  },
);
