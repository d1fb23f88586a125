/** Narrowing of values that came over the wire. */

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value when it is a string. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The words of a space separated list such as `scope`. */
export function wordsOf(value: unknown): string[] {
  return textOf(value)?.split(' ').filter(Boolean) ?? [];
}

/** `{ [key]: value }`, or nothing for undefined: optional properties are absent, not undefined. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  const holder: { [P in K]?: V } = {};
  if (value !== undefined) holder[key] = value;
  return holder;
}
