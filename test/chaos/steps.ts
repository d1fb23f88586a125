/** What people do on a stage, up to the effect that they wait for. */
import { isOpen } from '../../src/domain/email-change.ts';
import { eventually, type Answer } from '../support/world.ts';
import type { Told } from './history.ts';
import type { Link, Stage, VirtualUser } from './stage.ts';

/** A user's change to a new address, up to both mailboxes having their links. */
export async function requested(
  stage: Stage,
  user: VirtualUser,
  email: string,
): Promise<{ change: string; link: Link }> {
  const answer = await eventually(async () => {
    const given = await stage.act(user, 'request', { email });
    return given?.status === 202 && given;
  }, `a request of ${user.original} to be taken`);
  const change = (answer.body as { id: string }).id;
  const link = await eventually(
    () => stage.linksOf(user, 'confirm').findLast((each) => each.change === change),
    `the link to ${email}`,
    60_000,
  );
  return { change, link };
}

/** Presses a link until somebody says that it is recorded. */
export const pressed = (stage: Stage, user: VirtualUser, link: Link): Promise<Answer> =>
  eventually(
    async () => {
      const op = link.purpose as Told['op'];
      const answer = await stage.act(user, op, { link });
      return answer !== undefined && answer.status < 300 && answer;
    },
    `${link.purpose} to be acknowledged`,
    60_000,
  );

/** Waits until all open changes have ended. */
export const ended = (stage: Stage, timeoutMs: number): Promise<unknown> =>
  eventually(
    async () => (await stage.records()).every((record) => !isOpen(record)),
    'all changes to end',
    timeoutMs,
  );

/** All that a user's live status tells of a change, up to its end. */
export async function follow(
  stage: Stage,
  user: VirtualUser,
  change: string,
): Promise<{ status: string; reason?: string }[]> {
  const [api] = stage.fleet.of('api');
  const answer = await fetch(`${api!.url}/v1/email-changes/${change}/events`, {
    headers: { authorization: `Bearer ${await stage.tokenOf(user)}` },
    signal: AbortSignal.timeout(20_000),
  });
  const text = await answer.text();
  return [...text.matchAll(/^data: (\{.*"status".*\})$/gm)].map(
    ([, data = '']) => JSON.parse(data) as { status: string; reason?: string },
  );
}
