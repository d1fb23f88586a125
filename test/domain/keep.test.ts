import { expect, test } from 'vitest';
import { keep, keepEnds, keepingOf, keepTold, undoUntil } from '../../src/domain/keep.ts';
import { requestUndo } from '../../src/domain/undo.ts';
import { HOUR, SITUATIONS, SOON, stepOf, written } from './stories.ts';

const asked = written(keep(SITUATIONS.committed, SOON));
const told = written(keepTold(asked, SOON + HOUR));
const endsAt = SOON + 73 * HOUR;

test('the time to object runs from the moment when the previous mailbox was told, once', () => {
  expect(keepingOf(asked, SOON)).toBe('asked');
  expect(undoUntil(asked)).toBe(SITUATIONS.committed.undo!.until);
  expect(undoUntil(told)).toBe(endsAt);
  expect(undoUntil(written(keepTold(told, SOON + 9 * HOUR)))).toBe(endsAt);
});

test('the right to undo ends when that time is over, and not a millisecond before', () => {
  const early = stepOf(keepEnds(told, endsAt - 1));
  expect(early).toMatchObject({ changes: [told], tasks: [{ name: 'keep', at: endsAt }] });
  const kept = written(keepEnds(told, endsAt));
  expect(kept.undo).toEqual({ until: endsAt });
  expect(requestUndo(told, endsAt - 1).kind).toBe('write');
  expect(requestUndo(kept, endsAt).kind).toBe('recorded');
});

test('an undo that was asked for in time is not ended', () => {
  const undoing = written(requestUndo(told, endsAt - 1));
  expect(keepEnds(undoing, endsAt)).toEqual({ kind: 'recorded', change: undoing });
});
