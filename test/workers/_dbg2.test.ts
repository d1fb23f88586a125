import { test } from 'vitest';
import { startWorld, eventually } from '../support/world.ts';
import { invite, click, untilStatus, callsAbout } from './steps.ts';
const KINDS: any[] = [[{kind: 'slowBody'}]];
test('all', async () => {
  const world = await startWorld();
    const stories = await Promise.all(
      KINDS.map(async ([fault], number) => {
        const name = `${fault.kind}-${number}`.toLowerCase();
        const invited = await invite(world, {
          email: `${name}@example.com`,
          to: `${name}@example.org`,
        });
        const match = { method: 'PATCH', path: `/api/v2/users/${invited.sub}` };
        world.tenant.faults.add({ ...fault, match, times: 1 });
        await click(world, invited.link);
        return { fault, ...invited };
      }),
    );
  const junk: any[] = [];
  const gc = setInterval(() => { (globalThis as any).gc?.(); for (let i = 0; i < 1e5; i++) junk.push({i}); junk.length = 0; }, 100);
  const t = Date.now();
  await Promise.all(stories.map(async (s) => {
  try { await untilStatus(world, s, 'committed', 14000); } catch (e) { console.log(String(e));
  console.log(JSON.stringify(s.fault), Date.now() - t, callsAbout(world, s.sub).join(', '));
  console.log(world.logs.filter(l => l.change === s.id && String(l.event).startsWith('task')).map(l => `${l.time} ${l.event} ${l.task} ${l.outcome ?? l.why} ${l.ms ?? ''} ${l.kind ?? ''}`).join('\n'));
  }
  }));
  clearInterval(gc);
  const t2 = Date.now();
  await Promise.race([world.close(), new Promise(r => setTimeout(r, 8000))]);
  console.log('close', Date.now() - t2);
}, 60000);
