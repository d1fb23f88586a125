/**
 * The words of the element in the languages of the mails and pages, apart from the element so that
 * an app ships only what it shows: `import STRINGS from '@readdress/client/translations/de'`, then
 * `element.strings = STRINGS`. Here they are all together.
 */
import ar from './translations/ar.ts';
import de from './translations/de.ts';
import es from './translations/es.ts';
import fr from './translations/fr.ts';
import it from './translations/it.ts';
import ja from './translations/ja.ts';
import nl from './translations/nl.ts';
import pl from './translations/pl.ts';
import ptBR from './translations/pt-BR.ts';
import tr from './translations/tr.ts';
import zhHans from './translations/zh-Hans.ts';

export const TRANSLATIONS = {
  ar,
  de,
  es,
  fr,
  it,
  ja,
  nl,
  pl,
  'pt-BR': ptBR,
  tr,
  'zh-Hans': zhHans,
} as const;
