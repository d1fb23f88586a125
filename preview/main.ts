/**
 * `npm run preview`: every mail, page and state of the element, in each language, with the brand and the templates of
 * this environment (BRAND_…, SUPPORT_URL, TEMPLATES_DIR). Writes them to .preview and shows them in the browser.
 * `-- --out <folder>` writes there, and ends.
 */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { freePort } from '../demo/ports.ts';
import { brandOf, brands } from '../src/config-templates.ts';
import { ConfigError, environment } from '../src/config.ts';
import { exitOnBadConfig } from '../src/process/exit.ts';
import type { Brand } from '../src/mail/brand.ts';
import { galleryOf, serveGallery, writeGallery } from './gallery.ts';

function readBrand(): Brand {
  const given = Object.entries(environment()).filter(([name, value]) => name in brands && value);
  const { data, error } = z.object(brands).safeParse(Object.fromEntries(given));
  if (!data)
    throw new ConfigError(
      error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`),
    );
  return brandOf({
    BRAND_NAME: 'Acme Notes',
    ...data,
    PUBLIC_URL: new URL('https://acme.example'),
  });
}

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const out = values.out ?? '.preview';
const brand = exitOnBadConfig(readBrand);
const files = await galleryOf(brand);
writeGallery(files, out);
process.stdout.write(`${files.size} files in ${out}\n`);

if (values.out === undefined) {
  const { port } = await serveGallery(files, await freePort(4400));
  process.stdout.write(`http://localhost:${port}/\n`);
}
