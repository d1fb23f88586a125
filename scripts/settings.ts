/** Writes the files that list the settings: `npm run settings`. test/settings.test.ts tells when to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { chartSchema } from '../cli/settings-chart.ts';
import { envFile, jsonSchema, readmeTable, settingsPage } from '../cli/settings-files.ts';

const at = (path: string): URL => new URL(`../${path}`, import.meta.url);

writeFileSync(at('.env.example'), envFile());
writeFileSync(at('docs/settings.md'), settingsPage());
writeFileSync(at('docs/settings.schema.json'), `${JSON.stringify(jsonSchema(), null, 2)}\n`);
writeFileSync(
  at('deploy/helm/readdress/values.schema.json'),
  `${JSON.stringify(chartSchema(), null, 2)}\n`,
);
const readme = readFileSync(at('README.md'), 'utf8');
const [before, , after] = readme.split(/^<!-- \/?settings -->\n/m);
writeFileSync(
  at('README.md'),
  `${before}<!-- settings -->\n\n${readmeTable()}\n<!-- /settings -->\n${after}`,
);
