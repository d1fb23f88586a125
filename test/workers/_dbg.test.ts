import { test } from 'vitest';
import { startWorld, eventually } from '../support/world.ts';
import { invite, click, untilStatus, callsAbout } from './steps.ts';
const LOST: any[] = [
    [{ kind: 'executeThenReset' }, 1],
    [{ kind: 'executeThenHang' }, 1],
    [{ kind: 'executeThenStatus', status: 500 }, 1],
    [{ kind: 'halfBody' }, 1],
    [{ kind: 'slowBody' }, 1],
    [{ kind: 'reset' }, 2],
    [{ kind: 'html200' }, 2],
    [{ kind: 'empty200' }, 2],
    [{ kind: 'garbage' }, 2],
    [{ kind: 'redirect' }, 2],
    [{ kind: 'status', status: 503, body: 'upstream' }, 2],
];
test.each(LOST)('%j', async (fault) => {
  const world = await startWorld();
  const invited = await invite(world);
  world.tenant.faults.add({ ...fault, match: { method: 'PATCH' }, times: 1 });
  await click(world, invited.link);
  const t = Date.now();
  try { await untilStatus(world, invited, 'committed', 10000); } catch (e) { console.log(String(e)); }
  console.log(JSON.stringify(fault), Date.now() - t, callsAbout(world, invited.sub).join(', '));
  console.log(world.logs.filter(l => String(l.event).startsWith('task')).map(l => `${l.event} ${l.task} ${l.outcome ?? l.why} ${l.ms ?? ''} ${l.kind ?? ''}`).join('\n'));
  const t2 = Date.now();
  await Promise.race([world.close(), new Promise(r => setTimeout(r, 8000))]);
  console.log('close', Date.now() - t2);
});
