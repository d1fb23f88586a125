/** Domains in other letters than ASCII: readable to their owner, and never taken for another name. */
import { expect, test } from 'vitest';
import { startWorld } from '../support/world.ts';
import { addPerson, ask, inspect, linkIn, mail, press, until, use, view } from './steps.ts';

const TYPED = 'maria@bücher.example.org';
const ASCII = 'maria@xn--bcher-kva.example.org';
const MASKED = 'm•••@bücher.example.org (xn--bcher-kva.example.org)';

test('a mailbox reads its own domain as it is written, and everybody else sees both forms of it', async () => {
  const world = await startWorld();
  const asked = await ask(world, addPerson(world), TYPED);
  expect(await view(world, asked)).toMatchObject({ email: ASCII, displayEmail: TYPED });

  const confirm = await mail(world, asked, 'confirm');
  for (const part of [confirm.text, confirm.html]) {
    expect(part).toContain(TYPED);
    expect(part).not.toContain('xn--');
  }
  const notice = await mail(world, asked, 'notice');
  for (const part of [notice.text, notice.html]) expect(part).toContain(MASKED);

  const token = await linkIn(world, asked, 'confirm', 'confirm');
  expect((await inspect(world, token)).body).toMatchObject({ email: ASCII, displayEmail: TYPED });
  const cancel = await linkIn(world, asked, 'notice', 'cancel');
  expect((await inspect(world, cancel)).body).toMatchObject({ displayEmail: MASKED });
  expect(await (await press(world, 'confirm', token))()).toContain(`>${TYPED}</dd>`);
  await until(world, asked, { status: 'committed' });

  // The old address of the next change is a name that passes for another.
  const [old, look] = ['ada@xn--gthub-n4a.com', 'a•••@gıthub.com (xn--gthub-n4a.com)'];
  const next = await ask(world, addPerson(world, old), 'ada@new.example');
  expect((await mail(world, next, 'confirm')).text).toContain(look);
  expect((await mail(world, next, 'notice')).text).toContain('ada@gıthub.com (xn--gthub-n4a.com)');
  const own = await inspect(world, await linkIn(world, next, 'confirm', 'confirm'));
  expect(own.body).toMatchObject({ displayCurrentEmail: look });
  expect(own.body).not.toHaveProperty('displayEmail');
  await use(world, 'cancel', await linkIn(world, next, 'notice', 'cancel'));
});
