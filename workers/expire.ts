/** The link lifetime has passed: says so in the record, for whoever looks. */
import { expire as decideExpire } from '../src/domain/agree.ts';
import type { Processor } from './outcome.ts';

export const expire: Processor = async ({ deps }) => ({
  kind: 'done',
  rule: (change) => decideExpire(change, deps.now()),
});
