/** What an operator may say about their product, and colours that stay readable with it. */
import type { Templates } from '../templates/built-in.ts';

export type Brand = {
  name: string;
  /** `#rrggbb`. */
  color: string;
  /** Absolute web URLs. */
  supportUrl?: string;
  logoUrl?: string;
  /** Who stands behind it: name, seat, register. */
  legal?: string;
  /** Of TEMPLATES_DIR, with those that come along where it has none. */
  templates?: Templates;
};

const WHITE = '#ffffff';
const BLACK = '#000000';

/** Text on a surface of this colour: whichever of black and white contrasts more (always ≥ 4.5). */
export const textOn = (color: string): string =>
  contrast(color, WHITE) >= contrast(color, BLACK) ? WHITE : BLACK;

/** The nearest tint or shade of `color` with at least `ratio` against `background`. */
export function readableOn(background: string, color: string, ratio: number): string {
  const towards = textOn(background);
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(color, towards, share);
    if (contrast(mixed, background) >= ratio) return mixed;
  }
  return towards;
}

/** What dark mail clients paint behind a mail, about. */
const NIGHT = '#1f1f1f';

/** A line in the brand's colour, moved until it shows on light and on dark backgrounds. */
export const edgeOf = (color: string): string => readableOn(WHITE, readableOn(NIGHT, color, 3), 3);

/** WCAG 2.2 contrast ratio, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function mix(color: string, other: string, share: number): string {
  const others = channels(other);
  const mixed = channels(color).map((value, i) => Math.round(value + (others[i]! - value) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

function channels(color: string): number[] {
  if (!/^#[0-9a-f]{6}$/i.test(color)) throw new TypeError(`not a #rrggbb colour: ${color}`);
  return [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16));
}
