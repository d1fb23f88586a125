/** Line breaking for plain text, counted in columns as a terminal or mail reader shows them. */

/** East Asian wide characters take two columns (UAX #11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
/** Zero-width: direction isolates and combining marks. */
const NONE = /[\p{Mn}\p{Cf}]/u;

/** One column each, and most of what is written here. */
const PLAIN = /^[ -~]*$/;

export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const char of text) columns += WIDE.test(char) ? 2 : NONE.test(char) ? 0 : 1;
  return columns;
}

/** Breaks at spaces but no-break spaces, and between words of a script that has none. A longer word keeps its line. */
export function wrap(text: string, locale: string, columns: number): string {
  if (columnsOf(text) <= columns) return text.trimEnd();
  const lines: string[] = [];
  let [line, taken] = ['', 0];
  for (const word of wordsOf(text, locale)) {
    if (line !== '' && taken + columnsOf(word.trimEnd()) > columns) {
      lines.push(line.trimEnd());
      [line, taken] = ['', 0];
    }
    line += word;
    taken += columnsOf(word);
  }
  return [...lines, line.trimEnd()].join('\n');
}

/** Each word with the space or punctuation that must not be torn from it. */
function wordsOf(text: string, locale: string): string[] {
  if (!WIDE.test(text)) return text.match(/[^ ]+ */g) ?? [];
  const words: string[] = [];
  for (const { segment } of segmenterOf(locale).segment(text)) {
    const opens = /^[\p{Ps}\p{Pi}]/u.test(words.at(-1) ?? '');
    const closes = /^[\p{Pe}\p{Pf}\p{Po}\sー]/u.test(segment);
    if (words.length > 0 && (opens || closes)) words[words.length - 1] += segment;
    else words.push(segment);
  }
  return words;
}

const segmenters = new Map<string, Intl.Segmenter>();
function segmenterOf(locale: string): Intl.Segmenter {
  const segmenter = segmenters.get(locale) ?? new Intl.Segmenter(locale, { granularity: 'word' });
  segmenters.set(locale, segmenter);
  return segmenter;
}
