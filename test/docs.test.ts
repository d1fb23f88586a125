/** What the documents point at is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const DOCUMENTS = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
];
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, found = '']) => found);

test.each(DOCUMENTS)('every file that %s names or links to exists', (path) => {
  const text = textOf(path);
  const named = all(text, /`((?:src|workers|test|demo|docs|auth0)\/[\w./-]+\.\w+)`/g);
  const linked = all(text, /\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g);
  expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  expect(linked.filter((file) => !existsSync(join(ROOT, dirname(path), file)))).toEqual([]);
});

test('docs/architecture.md names every room of src', () => {
  const named = new Set(all(textOf('docs/architecture.md'), /`src\/([\w-]+)`/g));
  const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect(rooms.filter((name) => !named.has(name))).toEqual([]);
});

test('every attack in docs/security.md names the test that holds it', () => {
  const [, attacks = ''] = textOf('docs/security.md').split(
    '## Attacks, and what holds against them',
  );
  const rows = attacks
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => /^\| (?!attack|---)/.test(line));
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter((row) => !/`test\/[\w./-]+\.test\.ts`[^|]*\|$/.test(row))).toEqual([]);
});
