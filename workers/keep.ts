/** The previous mailbox had its time to object: the right to undo ends. */
import { keepEnds } from '../src/domain/keep.ts';
import type { Processor } from './outcome.ts';

export const keep: Processor = async ({ deps }) => ({
  kind: 'done',
  rule: (change) => keepEnds(change, deps.now()),
});
