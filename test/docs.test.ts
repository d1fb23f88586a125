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

test('every line that the service logs stands in docs/operations.md, and every line there is logged', () => {
  const sources = ['src', 'workers'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => textOf(`${folder}/${path}`)),
  );
  // `event: 'task.lost'`, and the lists of process/log.ts: ['info', 'task.done'].
  const LOGGED = /(?:\bevent: |\['(?:info|warn|error|fatal)', )['`]([a-z_]+\.[\w${}]+)['`]/g;
  const logged = new Set([...sources, textOf('home.ts')].flatMap((text) => all(text, LOGGED)));
  const [, chapter = ''] = textOf('docs/operations.md').split('\n## The log\n');
  const rows = chapter.split('\n## ')[0]!.split('\n');
  const told = rows.flatMap((row) => all(row.split('|')[1] ?? '', /`([a-z_]+\.[\w<>]+)`/g));
  const isLogged = (name: string) =>
    [...logged].some((one) =>
      new RegExp(
        `^${one.replace('.', '[.]').replace(/\$\{\w+\}/, String.raw`(?:\w+|<\w+>)`)}$`,
      ).test(name),
    );
  const isTold = (one: string) =>
    told.some((name) => name === one || (one.includes('$') && name.startsWith(one.split('$')[0]!)));
  expect(logged.size).toBeGreaterThan(50);
  expect([...logged].filter((one) => !isTold(one))).toEqual([]);
  expect(told.filter((name) => !isLogged(name))).toEqual([]);
});
