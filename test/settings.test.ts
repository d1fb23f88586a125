/** The settings as files say what the schema says. `npm run settings` writes them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  ALL_SETTINGS,
  envFile,
  jsonSchema,
  readmeTable,
  settingsPage,
} from '../cli/settings-files.ts';

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

test('.env.example, the README, docs/settings.md and the schema for editors list what the processes read', () => {
  expect(read('.env.example')).toBe(envFile());
  expect(read('docs/settings.md')).toBe(settingsPage());
  expect(JSON.parse(read('docs/settings.schema.json'))).toEqual(jsonSchema());
  expect(read('README.md')).toContain(readmeTable());
});

test('every setting says what it is, and a default is a value that may be written', () => {
  for (const { name, about } of ALL_SETTINGS) expect(about.length, name).toBeGreaterThan(10);
  for (const { name, default: byDefault = '', choices = [byDefault] } of ALL_SETTINGS)
    expect(['', ...choices], name).toContain(byDefault);
});
