/** Pages with an operator's frame, style and picture, in a real browser: their policy lets all of it in. */
import { expect, test } from 'vitest';
import { describeInBrowser } from '../support/browser.ts';
import { SOURCES } from '../../src/templates/built-in.ts';
import { openLink, press, startStage } from '../browser/stage.ts';
import { templatesDir } from './folder.ts';

describeInBrowser('own pages', ({ open }) => {
  test('look as their operator wants, and work as ours', async () => {
    const stage = await startStage({
      env: {
        TEMPLATES_DIR: templatesDir({
          'pages/layout.liquid': SOURCES.pages.layout.replace(
            '<main',
            '<p id="own">Hello</p><main',
          ),
          'pages/own.css': '#own { color: rgb(1, 2, 3) }',
          'pages/logo.svg':
            '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40"/></svg>',
        }),
      },
    });
    await stage.request();
    const page = await openLink(await open(), await stage.mailed('confirm'));
    expect(
      await page.evaluate(`[
        getComputedStyle(document.querySelector('#own')).color,
        document.querySelector('header img').naturalWidth,
        document.querySelector('header img').alt,
      ]`),
    ).toEqual(['rgb(1, 2, 3)', 80, 'Acme']);
    await press(page, 'page.confirm.button');
    await page.getByRole('heading', { name: /Done|being made/ }).waitFor();
  });
});
