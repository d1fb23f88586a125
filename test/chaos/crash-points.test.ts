import { afterEach, expect, test, vi } from 'vitest';
import { CRASH_POINTS, createCrasher, parseCrash } from './crash-points.mjs';

const kill = vi.spyOn(process, 'kill').mockImplementation(() => true);
afterEach(() => kill.mockClear());

test('without CRASH_AT no point does anything', () => {
  const reached = createCrasher([]);
  for (const point of CRASH_POINTS) reached(point);
  expect(kill).not.toHaveBeenCalled();
});

test.each([
  ['commit.marked', { point: 'commit.marked', signal: 'SIGKILL' }],
  ['commit.marked:3', { point: 'commit.marked', hit: 3, signal: 'SIGKILL' }],
  ['mail.sent:0.25', { point: 'mail.sent', chance: 0.25, signal: 'SIGKILL' }],
  ['undo.read:1!stop', { point: 'undo.read', hit: 1, signal: 'SIGSTOP' }],
])('%s is a crash point', (text, crash) => {
  expect(parseCrash(text)).toEqual(crash);
});

test.each(['commit', 'commit.mark', 'commit.marked:0', 'commit.marked:-1', 'nobody.read', ''])(
  '"%s" is none',
  (text) => {
    expect(parseCrash(text)).toBeUndefined();
  },
);

test('strikes at every hit, at the one that was named, or as often as chance has it', () => {
  const strikes = (text: string, hits: number): number => {
    kill.mockClear();
    const reached = createCrasher([parseCrash(text)!]);
    for (let i = 0; i < hits; i += 1) reached('commit.read');
    return kill.mock.calls.length;
  };
  expect(strikes('commit.read', 4)).toBe(4);
  expect(strikes('commit.read:3', 4)).toBe(1);
  expect(strikes('commit.read:5', 4)).toBe(0);
  expect(strikes('commit.marked', 4)).toBe(0);
  const some = strikes('commit.read:0.5', 400);
  expect(some).toBeGreaterThan(100);
  expect(some).toBeLessThan(300);
});
