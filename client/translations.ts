/**
 * The words of the element in the languages of the mails and pages, apart from the element so that
 * an app ships only what it shows: `import STRINGS from '@readdress/client/translations/de'`, then
 * `element.strings = STRINGS`. Here they are all together.
 */
import ar from './translations/ar.ts';
import de from './translations/de.ts';
import es from './translations/es.ts';
import fr from './translations/fr.ts';
import ja from './translations/ja.ts';
import pt from './translations/pt.ts';

export const TRANSLATIONS = { ar, de, es, fr, ja, pt } as const;
