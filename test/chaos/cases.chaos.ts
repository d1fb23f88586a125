/** What issue 5 asks to see, one by one, on real processes. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/world.ts';
import type { Member } from './deployment.ts';
import { startStage, type Stage } from './stage.ts';
import { ended, follow, pressed, requested } from './steps.ts';
import { expectNoViolation } from './verdict.ts';

const HURRIED = { TASK_LEASE: '5s' };
const SHORT = { tags: ['short'] };

const effective = (stage: Stage) => stage.tenant.patches().filter((patch) => patch.effective);

/** Waits until the life after this one has begun. */
const untilReborn = (member: Member): Promise<number> =>
  eventually(() => member.pid, 'the next life', 20_000);

const isStopped = ({ pid }: Member): boolean =>
  pid !== undefined && /^\d+ \(.+\) T/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

describe('a commit', () => {
  test(
    'survives ten workers killed in a row, at each of its steps, with one effective PATCH',
    SHORT,
    async () => {
      const stage = await startStage({ env: HURRIED });
      await stage.ready();
      const user = stage.addUser();
      const { change, link } = await requested(stage, user, 'u0.1@new.example');
      await stage.quiet();
      const [worker] = stage.fleet.of('workers') as [Member];
      const points = [
        'claimed',
        'read',
        'marked',
        'marked',
        'read',
        'claimed',
        'marked',
        'written',
      ];
      const deaths: (number | NodeJS.Signals)[] = [];
      worker.crashAt = `commit.${points[0]}`;
      worker.signal('SIGKILL');
      await worker.ended();
      await pressed(stage, user, link);
      for (const point of [...points.slice(1), 'decided', 'read', '']) {
        await untilReborn(worker);
        deaths.push(await worker.ended());
        worker.crashAt = point === '' ? '' : `commit.${point}`;
      }
      expect(deaths).toEqual(Array.from({ length: 10 }, () => 'SIGKILL'));
      await ended(stage, 60_000);
      expect((await stage.records()).map(({ id, status }) => [id, status])).toEqual([
        [change, 'committed'],
      ]);
      expect(effective(stage)).toHaveLength(1);
      await expectNoViolation(stage, {
        suite: 'cases',
        faults: { 'CRASH_AT a task': 9, 'SIGKILL workers': 1 },
      });
    },
  );

  test(
    'whose PATCH was applied, whose answer never came and whose worker was killed is one PATCH and one set of mails',
    SHORT,
    async () => {
      const stage = await startStage({ env: HURRIED });
      await stage.ready();
      const user = stage.addUser();
      const { link } = await requested(stage, user, 'u0.1@new.example');
      await stage.quiet();
      stage.tenant.faults.add({ kind: 'executeThenHang', match: { method: 'PATCH' }, times: 1 });
      await pressed(stage, user, link);
      await stage.tenant.waitFor(({ effective: done }) => done === true, 20_000);
      stage.fleet.of('workers')[0]!.signal('SIGKILL');
      await ended(stage, 60_000);
      await expectNoViolation(stage, {
        suite: 'cases',
        faults: { 'SIGKILL workers': 1, 'tenant executeThenHang': 1 },
      });
      expect(effective(stage)).toHaveLength(1);
      const mailed = stage.inbox.messages.map(({ messageId }) => messageId.split('.mail.')[1]);
      const names = mailed.map((name) => name?.split(/[.@]/)[0]);
      expect(names).toHaveLength(4);
      expect(new Set(names)).toEqual(new Set(['confirm', 'notice', 'done', 'changed']));
    },
  );

  test('whose worker died is taken over within 30 s under the lease of production', async () => {
    const stage = await startStage();
    await stage.ready();
    const user = stage.addUser();
    const { link } = await requested(stage, user, 'u0.1@new.example');
    await stage.quiet();
    const [worker] = stage.fleet.of('workers') as [Member];
    worker.crashAt = 'commit.read:1';
    worker.signal('SIGKILL');
    await worker.ended();
    await worker.untilReady();
    await pressed(stage, user, link);
    await worker.ended();
    const diedAt = Date.now();
    worker.crashAt = '';
    await stage.tenant.waitFor(({ effective: done }) => done === true, 60_000);
    expect(Date.now() - diedAt).toBeLessThan(30_000);
    await expectNoViolation(stage, {
      suite: 'cases',
      faults: { 'CRASH_AT a task': 1, 'SIGKILL workers': 1 },
    });
  });

  test.each(['commit.claimed', 'commit.read', 'commit.marked'])(
    'that slept at %s past its lease never overwrites the newer address',
    async (point) => {
      const stage = await startStage({ workers: 2, env: HURRIED });
      const [stale, other] = stage.fleet.of('workers') as [Member, Member];
      await stage.ready();
      const user = stage.addUser();
      const { link } = await requested(stage, user, 'u0.1@new.example');
      await stage.quiet();
      for (const worker of [stale, other]) {
        worker.revive = false;
        worker.signal('SIGKILL');
        await worker.ended();
      }
      stale.crashAt = `${point}:1!stop`;
      await pressed(stage, user, link);
      stale.revive = true;
      await untilReborn(stale);
      await eventually(() => isStopped(stale), 'the worker to stop', 30_000);
      other.revive = true;
      await ended(stage, 60_000);
      const second = await requested(stage, user, 'u0.2@new.example');
      await pressed(stage, user, second.link);
      await ended(stage, 60_000);
      stale.crashAt = '';
      stale.signal('SIGCONT');
      await stale.untilReady();
      await sleep(3000);
      expect(stage.tenant.user(user.sub).email).toBe('u0.2@new.example');
      expect(effective(stage)).toHaveLength(2);
      await expectNoViolation(stage, {
        suite: 'cases',
        faults: { 'SIGSTOP workers': 1, 'SIGKILL workers': 2 },
      });
    },
  );
});

test('a mail server that takes a mail and dies each time gets it twice, and never a third time', async () => {
  const stage = await startStage({ env: HURRIED });
  await stage.ready();
  const user = stage.addUser();
  stage.inbox.fault({ stage: 'afterData', action: 'drop', match: /u0\.1@/ });
  await requested(stage, user, 'u0.1@new.example');
  await expectNoViolation(stage, {
    suite: 'cases',
    faults: { 'smtp drop afterData': 2 },
    leeway: { mails: 1, tokens: 0 },
  });
  expect(stage.inbox.to('u0.1@new.example')).toHaveLength(2);
  expect(stage.fleet.events.get('mail.doubt')).toBe(1);
});

test(
  'an address that takes no mail is told live to who asked, within seconds, as undeliverable',
  SHORT,
  async () => {
    const stage = await startStage();
    await stage.ready();
    const user = stage.addUser();
    stage.inbox.fault({
      stage: 'rcpt',
      action: { code: 550, message: 'no such user' },
      match: /typo/,
    });
    const askedAt = Date.now();
    const answer = await stage.act(user, 'request', { email: 'u0.typo@new.example' });
    const told = await follow(stage, user, (answer!.body as { id: string }).id);
    expect(told.at(-1)).toMatchObject({ status: 'rejected', reason: 'undeliverable' });
    expect(Date.now() - askedAt).toBeLessThan(5000);
    await expectNoViolation(stage, { suite: 'cases', faults: { 'smtp 550 rcpt': 1 } });
  },
);
