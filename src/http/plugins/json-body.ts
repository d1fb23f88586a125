/**
 * JSON in one meaning only. A name that is there twice is refused: whoever checks a body on its way
 * here (a gateway, a WAF, a log) may read the other one. Prototype names are refused by Fastify's own
 * parser, and bytes that are not UTF-8 before that, for they would turn into characters never sent.
 */
import { isUtf8 } from 'node:buffer';
import type { App } from '../api-deps.ts';
import { Problem } from '../problems.ts';

export function registerJsonBody(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (request, bytes, done) => {
      if (!isUtf8(bytes)) return done(refused('is not UTF-8'));
      // Many clients name the type also where they send nothing, as with DELETE.
      if (bytes.length === 0) return done(null, undefined);
      const text = bytes.toString();
      if (text.startsWith('\ufeff')) return done(refused('starts with a byte order mark'));
      return parse(request, text, (error, body) =>
        error === null && namesTwice(text) ? done(refused('has a name twice')) : done(error, body),
      );
    },
  );
}

const refused = (detail: string): Problem =>
  new Problem('invalid-request', { errors: [{ pointer: '#', detail }] });

/** A string with the colon that makes it a name, any other string, or where an object starts or ends. */
const PARTS = /("[^"\\]*(?:\\.[^"\\]*)*")[ \t\r\n]*:|"[^"\\]*(?:\\.[^"\\]*)*"|[{}]/g;

/** Whether any object of this text, which is JSON, has two members of one name, escaped or not. */
function namesTwice(json: string): boolean {
  const open: Set<unknown>[] = [];
  for (const [part, literal] of json.matchAll(PARTS)) {
    if (part === '{') open.push(new Set());
    else if (part === '}') open.pop();
    else if (literal !== undefined) {
      const name: unknown = JSON.parse(literal);
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
  }
  return false;
}
