/** A bounce message (RFC 3464), or a feedback report (RFC 5965), from the mailbox that bounces come back to. */
import { afterBounce } from '../src/after-bounce.ts';
import type { BounceKind } from '../src/domain/bounce.ts';
import { referenceIn } from '../src/mail/reference.ts';
import { wrongUsage, type Command } from './command.ts';
import { withStore } from './with-store.ts';

export const bounce: Command = {
  usage: 'bounce',
  about: 'takes a bounce message from the standard input, as a mail server pipes it',
  takes: [0, 0],
  more: `For example in /etc/aliases: bounces: "|readdress bounce". What is no failure for good (a delay, a full mailbox, a
refusal of our own standing), or not about a mail of ours, changes nothing and is exit code 1.`,
  async run(hand) {
    const message = await (hand.shell.read?.() ?? wrongUsage('bounce reads a message'));
    return withStore(async ({ deps, item, fail }) => {
      const kind = kindOf(message);
      if (!kind) return fail('not a report of a failure for good');
      const reference = referenceIn(unfolded(message));
      if (!reference) return fail('not about a mail of ours');
      const decided = await afterBounce(deps, reference, kind, { actor: 'relay', by: 'message' });
      if (!decided || !('change' in decided)) return fail('there is no such change');
      item({ id: reference.change, mail: reference.mail, kind, status: decided.change.status });
      return 0;
    })(hand);
  },
};

/** Soft line ends of quoted-printable, and folded header lines. */
const unfolded = (message: string): string =>
  message.replaceAll(/=\r?\n/g, '').replaceAll(/\r?\n[ \t]+/g, ' ');

function kindOf(message: string): BounceKind | undefined {
  if (/^feedback-type:\s*(?:abuse|fraud)/im.test(message)) return 'complained';
  const isFailure = /^action:\s*failed/im.test(message);
  const status = /^status:\s*(\d+\.\d+\.\d+)/im.exec(message)?.[1] ?? '';
  // 5.7.x is about us, 5.2.2 a full mailbox: the address itself may be right.
  const isGood = status.startsWith('5.') && !/^5\.(?:7\.|2\.2$)/.test(status);
  return isFailure && isGood ? 'bounced' : undefined;
}
