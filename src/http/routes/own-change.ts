/** The caller's own change. Another user's is as unknown as one that never was. */
import type { FastifyRequest } from 'fastify';
import { afterWrite } from '../../after-write.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { EmailChange } from '../../domain/email-change.ts';
import { isChangeId } from '../../links.ts';
import { causeOf } from '../plugins/cause.ts';
import { Problem, refusalProblem } from '../problems.ts';
import type { Decided, Rule } from '../../store/changes.ts';
import type { Found } from '../../store/records.ts';
import { reached } from '../../signals.ts';

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

/** Decides about the caller's own change. @throws {Problem} not-found */
export async function decideOwn(
  deps: ApiDeps,
  req: FastifyRequest,
  own: Found<EmailChange>,
  rule: Rule,
): Promise<Decided> {
  const decided = await deps.changes.decide(own, rule, { cause: causeOf(req, 'user') });
  if (!decided) throw new Problem('not-found');
  return decided;
}

/** After the decision: a refusal leaves as a problem; a write is told, and its tasks are rung for. */
export function written(deps: ApiDeps, req: FastifyRequest, decided: Decided): EmailChange {
  if (!('change' in decided)) throw refusalProblem(decided.verdict.refusal, deps.now());
  reached('request.written');
  afterWrite(deps, decided, req.id);
  return decided.change;
}
