/** Requests as the OpenAPI document allows them, and as nobody would send them who means well. */
import fc from 'fast-check';

export type Schema = {
  type?: string;
  pattern?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
};
export type Route = { method: string; path: string; body?: Schema };
export type FuzzRequest = { method: string; path: string; headers: string[]; body: Buffer };

/** What is known to be good, so that requests get past the first check of a door. */
export type Known = {
  ids: string[];
  linkTokens: string[];
  accessTokens: string[];
  returnUrls: string[];
};

const NASTY_STRINGS = [
  '',
  ' ',
  '\u0000',
  '\r\nX-Injected: 1',
  '\ud800',
  '\u2028',
  '\u001b[2J',
  '{{7*7}}${7*7}{% raw %}',
  '<script>alert(1)</script>',
  "' OR 1=1 --",
  '../../../../etc/passwd',
  '%00%0d%0a%ff',
  '__proto__',
  'constructor',
  'undefined',
  'NaN',
  'a@example.org,b@example.org',
  '*',
  'auth0|x',
  '👩‍👩‍👧',
  'x'.repeat(5000),
];
const nastyString = fc.oneof(
  fc.constantFrom(...NASTY_STRINGS),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
);
const email = fc.oneof(
  { weight: 6, arbitrary: fc.nat(5000).map((i) => `fuzz${i}@example.org`) },
  { weight: 3, arbitrary: fc.emailAddress() },
  nastyString.map((text) => `${text}@example.org`),
  nastyString.map((text) => `a@${text}`),
);

const knownString = (known: Known) =>
  fc.oneof(
    email,
    fc.constantFrom(...known.ids, ...known.linkTokens, ...known.returnUrls, 'de', '1234 5678'),
    fc.stringMatching(/^[AQgwab01_-]{22}$/),
    fc.stringMatching(/^[AQgwab01_-]{64}$/),
    nastyString,
  );

/** What gets a member of this name past its first check, most of the time. */
function fitting(name: string, schema: Schema, known: Known): fc.Arbitrary<unknown> {
  const fit = {
    token: known.linkTokens,
    returnTo: known.returnUrls,
    locale: ['de', 'pt-BR', 'tlh'],
  }[name];
  if (name === 'email') return email;
  const any = valueOf(schema, known);
  return fit ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...fit) }, any) : any;
}

/** A value that the schema allows. */
function valueOf(schema: Schema, known: Known): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((each) => valueOf(each, known)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([name, each]) => [
            name,
            fitting(name, each, known),
          ]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    case 'string':
      return schema.pattern === undefined
        ? knownString(known)
        : fc.stringMatching(new RegExp(schema.pattern));
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue();
  }
}

const ODD_NAMES = ['__proto__', 'constructor', 'toString', 'sub', 'id', 'admin', '', 'email[]'];

/** The same members with values of any type, more of them, or something else altogether. */
function beyond(schema: Schema, known: Known): fc.Arbitrary<unknown> {
  const names = [...Object.keys(schema.properties ?? { token: {} }), ...ODD_NAMES];
  const anything = fc.oneof(
    knownString(known),
    fc.jsonValue({ maxDepth: 4 }),
    fc.double(),
    fc.bigInt().map(String),
  );
  return fc.oneof(
    fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 6 }),
    fc.jsonValue({ maxDepth: 6 }),
  );
}

/** The text of a body: as it is, cut, doubled, bent, or nested beyond reason. */
function written(value: fc.Arbitrary<unknown>): fc.Arbitrary<Buffer> {
  const text = value.map((each) => JSON.stringify(each) ?? '');
  return fc.oneof(
    { weight: 20, arbitrary: text.map((each) => Buffer.from(each)) },
    fc.tuple(text, fc.nat(40)).map(([each, n]) => Buffer.from(each.slice(0, n))),
    text.map((each) => Buffer.from(each + each)),
    text.map((each) => Buffer.from(`${each.slice(0, -1)},${each.slice(1)}`)),
    text.map((each) => Buffer.from(`\ufeff${each}`, 'utf16le')),
    fc.nat(8000).map((depth) => Buffer.from('['.repeat(depth) + ']'.repeat(depth))),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.alloc(20_000, 'a')),
    fc.dictionary(fc.string(), fc.string()).map((each) => {
      return Buffer.from(new URLSearchParams(each).toString());
    }),
  );
}

const METHODS = ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'TRACE', 'PROPFIND'];
const TYPES = [
  'application/json; charset=utf-8',
  'application/json;charset=utf-16',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/vnd.api+json',
  '',
  ';',
  'application/',
];

/** Latin-1 without what Node itself refuses to write. */
const headerText = fc
  .string({ unit: 'binary', maxLength: 80 })
  .map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, ''));
const HEADERS = [
  'accept accept-language prefer if-none-match origin referer sec-fetch-site x-forwarded-for',
  'x-forwarded-host forwarded cookie range last-event-id content-encoding dpop user-agent',
  'x-http-method-override access-control-request-method if-modified-since x-original-url',
].flatMap((line) => line.split(' '));
const oddHeader = fc.oneof(
  fc.tuple(fc.constantFrom(...HEADERS), headerText),
  fc.constantFrom<[string, string]>(
    ['accept', 'text/html'],
    ['accept', '*/*'],
    ['prefer', 'wait=0'],
    ['prefer', 'wait=99999999999'],
    ['origin', 'https://spa.example'],
    ['origin', 'null'],
    ['sec-fetch-site', 'cross-site'],
    ['accept-language', 'x'.repeat(3000)],
    ['accept-language', 'tlh-x-y,*;q=0,de;q=NaN'],
    ['if-none-match', '*'],
    ['content-encoding', 'gzip'],
    ['connection', 'upgrade'],
    ['upgrade', 'websocket'],
    ['expect', 'nothing'],
    ['x-http-method-override', 'DELETE'],
  ),
);
const manyHeaders = fc
  .nat(300)
  .map((count) => Array.from({ length: count }, (_, i): [string, string] => [`x-${i}`, 'v']));

const authorization = (known: Known) =>
  fc.oneof(
    {
      weight: 20,
      arbitrary: fc.constantFrom(...known.accessTokens.map((token) => `Bearer ${token}`)),
    },
    fc.constant(undefined),
    headerText,
    headerText.map((text) => `Bearer ${text}`),
    fc
      .tuple(
        fc.constantFrom(...known.accessTokens),
        fc.nat(900),
        fc.stringMatching(/^[AZaz09_.-]$/),
      )
      .map(([token, at, letter]) => `Bearer ${token.slice(0, at)}${letter}${token.slice(at + 1)}`),
    fc
      .tuple(fc.jsonValue(), fc.jsonValue())
      .map((parts) => `Bearer ${parts.map(encode).join('.')}.AAAA`),
  );
const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');

function pathOf(route: Route, known: Known): fc.Arbitrary<string> {
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...known.ids) },
    // Through bytes, since a lone surrogate has no percent encoding.
    knownString(known).map((text) => encodeURIComponent(Buffer.from(text).toString())),
    headerText.map(encodeURI),
    fc.constantFrom('%', '%zz', '%c0%af', '..', '.', '%2e%2e%2f', '%00', 'current', '*'),
  );
  const query = fc.oneof(
    { weight: 5, arbitrary: fc.constant('') },
    fc.webQueryParameters().map((text) => `?${encodeURI(text)}`),
    fc.constantFrom('?token=x', '?receipt=x', '?receipt=', '?receipt=a&receipt=b', '?__proto__=1'),
    fc.constantFrom(...known.linkTokens.map((token) => `?token=${token}`)),
  );
  const tail = fc.oneof(
    { weight: 40, arbitrary: fc.constant('') },
    fc.constantFrom('/', '/x', '//', '/..', '.json', ';x=1', '%00', '\\'),
  );
  return fc
    .tuple(id, tail, query)
    .map((parts) => route.path.replace('{id}', () => parts[0]) + parts[1] + parts[2]);
}

/** One request to one of these routes, or near it. */
export function requestTo(routes: Route[], known: Known): fc.Arbitrary<FuzzRequest> {
  return fc.constantFrom(...routes).chain((route) => {
    const schema = route.body ?? {};
    const body = fc.oneof(
      { weight: 6, arbitrary: written(valueOf(schema, known)) },
      { weight: 3, arbitrary: written(beyond(schema, known)) },
      fc.constant(Buffer.alloc(0)),
    );
    const form = route.path.startsWith('/v1') ? 'application/json' : TYPES[3]!;
    return fc
      .record({
        method: fc.oneof(
          { weight: 25, arbitrary: fc.constant(route.method) },
          fc.constantFrom(...METHODS),
        ),
        path: pathOf(route, known),
        authorization: authorization(known),
        type: fc.oneof(
          { weight: 25, arbitrary: fc.constant(form) },
          fc.constantFrom(...TYPES),
          headerText,
        ),
        odd: fc.oneof(
          { weight: 30, arbitrary: fc.array(oddHeader, { maxLength: 4 }) },
          manyHeaders,
        ),
        body,
      })
      .map(({ method, path, authorization: said, type, odd, body: bytes }) => ({
        method,
        path,
        headers: [
          'host',
          'fuzz',
          'connection',
          'close',
          ...(said === undefined ? [] : ['authorization', said]),
          ...(bytes.length > 0 || method !== 'GET' ? ['content-type', type] : []),
          'content-length',
          String(bytes.length),
          ...odd.filter(([name]) => name !== 'connection').flat(),
        ],
        body: bytes,
      }));
  });
}

const RAW_LINES = [
  'Host: x',
  'Host: y',
  'Content-Type: application/json',
  'Connection: close',
  'Connection: upgrade',
  'Content-Length: 5',
  'Content-Length: 6',
  'Content-Length: -1',
  'Content-Length: 5, 5',
  'Content-Length: 0x5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding : chunked',
  'Expect: 100-continue',
  'Expect: x',
  'Upgrade: h2c',
  'X: a\0b',
  ' X: y',
  ': x',
  'x',
];
const CRLF = fc.oneof(
  { weight: 6, arbitrary: fc.constant('\r\n') },
  fc.constantFrom('\n', '\r', '', '\r\n\r\n', '\0\r\n'),
);
/** Lines of HTTP with something wrong in, between or behind them. Ends, so that every server answers. */
export const rawBytes: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(
        'GET / HTTP/1.1',
        'POST /v1/confirm HTTP/1.1',
        'GET /livez HTTP/1.0',
        'GET  /livez  HTTP/1.1',
        'GET /livez HTTP/2.0',
        'get /livez HTTP/1.1',
        'PRI * HTTP/2.0',
        'OPTIONS * HTTP/1.1',
        'CONNECT evil.example:443 HTTP/1.1',
        'GET http://evil.example/livez HTTP/1.1',
        'GET /v1/email-changes/%zz HTTP/1.1',
        'GET /\x80\xff HTTP/1.1',
      ),
      fc.string({ unit: 'binary', maxLength: 60 }),
    ),
    fc.array(
      fc.oneof(
        fc.constantFrom(...RAW_LINES),
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.nat(20_000).map((length) => `X: ${'a'.repeat(length)}`),
      ),
      { maxLength: 8 },
    ),
    CRLF,
    fc.oneof(
      fc.constantFrom(
        '',
        '{"token":"x"}',
        '5\r\nhello\r\n0\r\n\r\n',
        'zz\r\n',
        '0\r\n\r\n',
        'hello',
      ),
      fc.constantFrom('5;ext=1\r\nhello\r\n0\r\nHost: trailer\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n'),
      fc.string({ unit: 'binary', maxLength: 100 }),
    ),
  )
  .map(([start, headers, end, body]) => `${[start, ...headers].join(end)}\r\n\r\n${body}`);
