/** The caller's own change. Another user's is as unknown as one that never was. */
import type { ApiDeps } from '../api-deps.ts';
import type { EmailChange } from '../../domain/email-change.ts';
import { isChangeId } from '../../links.ts';
import { Problem } from '../problems.ts';
import type { Found } from '../../store/records.ts';

/** @throws {Problem} not-found */
export async function findOwn(
  deps: ApiDeps,
  sub: string,
  id: string | undefined,
): Promise<Found<EmailChange>> {
  const found = id !== undefined && isChangeId(id) ? await deps.changes.findChange(id) : undefined;
  if (found?.value.sub !== sub) throw new Problem('not-found');
  return found;
}
