/** People who use the service at random, each by a stream of chance of their own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Told } from './history.ts';
import type { Chance } from './random.ts';
import type { Link, Stage, VirtualUser } from './stage.ts';

export type Crowd = {
  /** Everybody stops after the call they are at. */
  stop(): Promise<void>;
};

/** Nobody's mailbox: the mail server refuses it for good. */
export const NOBODY = /nobody/;

export function startCrowd(stage: Stage, chance: Chance, size: number, paceMs: number): Crowd {
  const end = new AbortController();
  const people = Array.from({ length: size }, () => stage.addUser());
  const lives = people.map(async (user, i) => {
    const own = chance.fork(i);
    for (let step = 0; !end.signal.aborted; step += 1) {
      await sleep(own.between(0, 2 * paceMs));
      if (!end.signal.aborted) await act(stage, user, own, step);
    }
  });
  return {
    async stop() {
      end.abort();
      await Promise.all(lives);
    },
  };
}

async function act(stage: Stage, user: VirtualUser, chance: Chance, step: number): Promise<void> {
  const { told } = stage;
  const requests = told.filter(
    (each) => each.sub === user.sub && each.op === 'request' && each.change !== undefined,
  );
  const change = requests.at(-1)?.change;
  const what = chance.weigh<Told['op'] | 'press'>([
    [2, 'request'],
    [9, 'press'],
    [1, 'poll'],
    [1, 'resend'],
    [0.5, 'withdraw'],
  ]);
  if (what === 'request') {
    const email = addressFor(stage, user, chance, step);
    await stage.act(user, 'request', { email });
  } else if (what === 'press') {
    const link = pickLink(stage.linksOf(user), chance);
    const prefer = chance.happens(0.2) ? 'wait=2' : undefined;
    // Whoever wants an address back has, as often as not, lost the password as well.
    if (link?.purpose === 'undo' && chance.happens(0.5))
      stage.tenant.updateUser(user.sub, { last_password_reset: new Date().toISOString() });
    if (link)
      await stage.act(user, link.purpose as Told['op'], { link, ...(prefer && { prefer }) });
  } else if (change !== undefined) await stage.act(user, what, { change });
}

function addressFor(
  { users }: Stage,
  { original }: VirtualUser,
  chance: Chance,
  step: number,
): string {
  const name = original.split('@')[0]!;
  return chance.weigh([
    [12, `${name}.${step}@new.example`],
    [2, `${name}.${Math.max(step - 1, 0)}@new.example`],
    [2, chance.pick(users).original],
    [1, `${name}.nobody${step}@new.example`],
  ]);
}

/** Mostly what lies on top, mostly to say yes. */
function pickLink(links: readonly Link[], chance: Chance): Link | undefined {
  const within = chance.happens(0.8) ? links.slice(-4) : links;
  const purpose = chance.weigh([
    [10, 'confirm'],
    [5, 'approve'],
    [2, 'undo'],
    [1, 'cancel'],
  ]);
  const fitting = within.filter((link) => link.purpose === purpose);
  return fitting.length > 0 ? chance.pick(fitting) : undefined;
}
