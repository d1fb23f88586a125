import { resealCanary } from '../src/store/canary.ts';
import { wrongUsage, type Command } from './command.ts';
import { withStore } from './with-store.ts';

const rotate = withStore(async ({ deps, item, tell, fail }) => {
  if (deps.config.sealingKeys.length === 1)
    tell('SEALING_KEYS has one key: docs/security.md says in which order a new one comes in');
  const count = await deps.changes.resealAll(deps.now);
  await resealCanary(deps.redis, deps.sealer, deps.changes.keys);
  item(count);
  return count.unreadable === 0 ? 0 : fail('some records were left as they are: keep the old keys');
});

export const keys: Command = {
  usage: 'keys rotate|new',
  about: 'rotate: seals all records anew with the first of SEALING_KEYS; new: prints a fresh key',
  takes: [1, 1],
  async run(hand, what) {
    if (what === 'rotate') return rotate(hand);
    if (what !== 'new') wrongUsage('keys takes rotate, or new');
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64');
    hand.item({ key }, key);
    return 0;
  },
};

/** The name that `keys rotate` had first. */
export const reseal: Command = {
  usage: 'reseal',
  about: 'the same as `keys rotate`',
  takes: [0, 0],
  run: rotate,
};
