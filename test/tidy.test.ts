/** House rules that no compiler knows, read off the sources themselves (STYLE: two doors, one core). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDERS = [
  'src',
  'workers',
  'cli',
  'client',
  'stand-ins',
  'demo',
  'preview',
  'test',
  'bench',
  'scripts',
].filter((folder) => existsSync(join(ROOT, folder)));

type Source = { path: string; text: string; imports: string[] };

/** `import … from 'x'`, `export … from 'x'`, `import 'x'`, `import('x')`. */
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|(?:^|\n)\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'/g;

function sourcesIn(folder: string): Source[] {
  const paths = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return paths
    .filter((path) => path.endsWith('.ts') && !/node_modules|^dist\//.test(path))
    .map((path) => {
      const text = readFileSync(join(ROOT, folder, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map(
        (match) => match[1] ?? match[2] ?? match[3] ?? '',
      );
      return { path: `${folder}/${path}`, text, imports };
    });
}

const all = FOLDERS.flatMap(sourcesIn);
const within = (...folders: string[]) =>
  all.filter(({ path }) =>
    folders.some((folder) => path === folder || path.startsWith(`${folder}/`)),
  );

/** What a file imports, as paths from the root for our own files and as names for packages. */
const importsOf = ({ path, imports }: Source): string[] =>
  imports.map((name) =>
    name.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(path), name)) : name,
  );

/** Every import of these files that is not allowed, as `file → import`. */
const breaches = (sources: Source[], allowed: (target: string) => boolean): string[] =>
  sources.flatMap((source) =>
    importsOf(source)
      .filter((target) => !allowed(target))
      .map((target) => `${source.path} → ${target}`),
  );

/** Every line of these files that has this, as `file:line`. */
const places = (sources: Source[], pattern: RegExp): string[] =>
  sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, i) => (pattern.test(codeOf(line)) ? [`${path}:${i + 1}`] : [])),
  );
const codeOf = (line: string): string =>
  line.replace(/^\s*(?:\/?\*|\/\/).*$/, '').replace(/\s\/\/ .*$/, '');

const filesOf = (found: string[]): string[] =>
  [...new Set(found.map((place) => place.split(':')[0] ?? ''))].toSorted();

const isIn = (target: string, ...folders: string[]): boolean =>
  folders.some((folder) => target === folder || target.startsWith(`${folder}/`));

const HTTP_DOOR = ['src/http', 'src/server.ts', 'src/process/start-api.ts'];

test('there is something to look at, and every import of it is seen', () => {
  expect(all.length).toBeGreaterThan(60);
  for (const source of all)
    for (const target of importsOf(source).filter((one) =>
      /^(src|workers|cli|client|stand-ins|demo|test|bench|scripts)\//.test(one),
    ))
      expect(existsSync(join(ROOT, target)), `${source.path} → ${target}`).toBe(true);
});

describe('who may know whom', () => {
  test('the core imports itself, and two things that only compute', () => {
    const allowed = (target: string) =>
      isIn(target, 'src/domain') || ['node:url', 'tldts'].includes(target);
    expect(breaches(within('src/domain'), allowed)).toEqual([]);
  });

  test('the client imports nothing but itself', () => {
    const ofReact = (source: Source) => source.path === 'client/react.ts';
    const own = within('client');
    expect(
      breaches(
        own.filter((source) => !ofReact(source)),
        (target) => isIn(target, 'client'),
      ),
    ).toEqual([]);
    expect(
      breaches(own.filter(ofReact), (target) => isIn(target, 'client') || target === 'react'),
    ).toEqual([]);
  });

  test('src knows neither workers nor commands nor demo nor test', () => {
    const foreign = ['workers', 'cli', 'stand-ins', 'demo', 'test', 'bench', 'scripts', 'start.ts'];
    expect(breaches(within('src'), (target) => !isIn(target, ...foreign))).toEqual([]);
  });

  test('the job door knows neither the HTTP door nor demo nor test', () => {
    const foreign = [
      ...HTTP_DOOR,
      'cli',
      'client',
      'stand-ins',
      'demo',
      'test',
      'bench',
      'scripts',
    ];
    expect(breaches(within('workers'), (target) => !isIn(target, ...foreign))).toEqual([]);
  });

  test('the HTTP door reaches neither the tenant nor the mail server nor the bell', () => {
    const systems = ['auth0', 'nodemailer', 'bullmq'];
    expect(breaches(within(...HTTP_DOOR), (target) => !isIn(target, ...systems))).toEqual([]);
  });

  test('adapters and processes know no door', () => {
    const adapters = within('src', 'workers').filter(({ path }) => !isIn(path, ...HTTP_DOOR));
    const allowed = (target: string) =>
      !isIn(target, ...HTTP_DOOR, 'fastify') && !/^(@fastify\/|fastify-)/.test(target);
    expect(breaches(adapters, allowed)).toEqual([]);
  });

  test('the stand-ins know nothing of what they stand for', () => {
    expect(
      breaches(
        within('stand-ins'),
        (target) => !isIn(target, 'src', 'workers', 'cli', 'client', 'demo', 'test'),
      ),
    ).toEqual([]);
  });

  test('each outside system is spoken to in one place', () => {
    const homes: Record<string, string[]> = {
      bullmq: ['src/store/wake-ups.ts', 'workers/bullmq.ts'],
      // The budget's script is declared where it is used.
      ioredis: ['src/store', 'workers/directory/auth0/tenant-budget.ts'],
      'rate-limiter-flexible': ['src/store/limits.ts'],
      auth0: ['workers/directory/auth0'],
      nodemailer: ['workers/mailer.ts'],
      'get-jwks': ['src/http/auth/signing-keys.ts'],
      '@fastify/jwt': ['src/http/auth'],
      pino: ['src', 'workers'],
    };
    for (const [name, places_] of Object.entries(homes)) {
      const users = within('src', 'workers').filter((source) =>
        importsOf(source).some((target) => isIn(target, name)),
      );
      expect(
        users.map(({ path }) => path).filter((path) => !isIn(path, ...places_)),
        name,
      ).toEqual([]);
      expect(users.length, name).toBeGreaterThan(0);
    }
  });

  test('the demo reaches the service over HTTP and by starting it, as the tests do', () => {
    const inside = [
      'src/domain',
      'src/store',
      'src/http/routes',
      'src/http/plugins',
      'src/http/pages',
      'src/mail',
      'workers/directory/auth0',
    ];
    expect(breaches(within('demo'), (target) => !isIn(target, ...inside, 'test', 'bench'))).toEqual(
      [],
    );
  });
});

describe('what comes from outside', () => {
  const service = within('src', 'workers');

  test('the environment is read in one place', () => {
    expect(filesOf(places(service, /\bprocess\.env\b/))).toEqual(['src/config.ts']);
  });

  test('the clock and randomness come through Deps', () => {
    // The client runs in browsers and has no Deps; the delay between two attempts to reconnect is
    // ioredis's own matter and decides nothing.
    const own = service.filter(({ path }) => !isIn(path, 'client'));
    expect(filesOf(places(own, /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/))).toEqual([
      'src/clock.ts',
    ]);
    expect(places(own, /\bMath\.random\b/)).toEqual([
      expect.stringMatching(/^src\/store\/redis\.ts:/),
    ]);
    // A request's id decides nothing either.
    expect(filesOf(places(own, /\brandom(?:Bytes|UUID|Int)\b/))).toEqual([
      'src/deps.ts',
      'src/http/server.ts',
    ]);
  });

  test('what is measured is told as a signal', () => {
    expect(
      filesOf(places(service, /\.(?:inc|observe|startTimer)\(|\bmetrics\.\w+\.set\(/)),
    ).toEqual(['src/process/metrics.ts']);
  });

  test('a process ends in one place', () => {
    expect(filesOf(places(service, /\bprocess\.exit\b/))).toEqual(['src/process/exit.ts']);
  });

  test('nothing is printed past the log but by what ends or commands a process', () => {
    expect(
      places(service, /\bconsole\.|\bprocess\.std(?:out|err)\b/).filter(
        (place) => !/^(src\/process\/exit|cli\/main)\.ts:/.test(place),
      ),
    ).toEqual([]);
  });
});

describe('how files are written', () => {
  const typed = all.filter(({ path }) => !path.endsWith('.d.ts'));

  test('types only, nothing that has to be compiled away', () => {
    expect(
      places(
        typed,
        /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w+|^\s*(?:export\s+)?namespace\s+\w+/,
      ),
    ).toEqual([]);
    expect(places(typed, /^\s*\/\/\s*@ts-(?:ignore|nocheck|expect-error)/)).toEqual([]);
  });

  test('relative imports name the file, with its ending', () => {
    for (const { path, imports } of typed)
      for (const name of imports.filter((one) => one.startsWith('.')))
        expect(name, path).toMatch(/\.(ts|json|js|mjs)$/);
  });

  test('no file only passes on what others export', () => {
    const barrels = within('src', 'workers').filter(
      ({ path, text }) => basename(path) === 'index.ts' && /export\s+\*\s+from/.test(text),
    );
    expect(barrels.map(({ path }) => path)).toEqual([]);
  });

  test('names are kebab-case', () => {
    for (const { path } of all)
      // Translations are called by their language, as everybody writes it (BCP 47).
      for (const part of path.replace(/translations\/[\w-]+/, 'translations').split('/'))
        expect(part, path).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*$/);
  });

  test('a file fits a few screens', () => {
    const MOST = 250;
    for (const { path, text } of within('src', 'workers', 'cli'))
      expect(text.split('\n').length - 1, path).toBeLessThanOrEqual(MOST);
  });

  test('every Lua script says what it takes and what it returns', () => {
    const folder = join(ROOT, 'src/store/lua');
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), 'utf8');
      for (const word of ['KEYS[1]', 'ARGV', 'Returns'])
        expect(
          text
            .split('\n')
            .filter((line) => line.startsWith('--'))
            .join('\n'),
          name,
        ).toContain(word);
    }
  });
});

describe('tests', () => {
  const tests = within('test').filter(({ path }) => path.endsWith('.test.ts'));

  test('all run, every time', () => {
    expect(places(tests, /\b(?:test|it|describe|suite)\.(?:only|skip|todo|fails)\b/)).toEqual([]);
  });

  test('state a guarantee', () => {
    expect(places(tests, /^\s*(?:test|it)\(\s*['"`][^'"`]*\bshould\b/)).toEqual([]);
  });

  test('wait for effects, and replace none of our modules', () => {
    expect(
      places(
        tests,
        /\bvi\.(?:mock|doMock|useFakeTimers|setSystemTime|spyOn\b(?!\(process, 'kill'\)))\b/,
      ),
    ).toEqual([]);
  });
});
