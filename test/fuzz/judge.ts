/** What every answer has to be, whatever was asked. */
import { expect } from 'vitest';
import { SECURITY_HEADERS } from '../../src/http/plugins/security-headers.ts';
import { PROBLEMS } from '../../src/http/problems.ts';
import type { WireAnswer } from '../support/wire.ts';

/** Signs of what runs behind: a stack, a path of a machine, the name of a library or of its error. */
const INSIDES =
  /\bat (?:\S+ \()?(?:file:|node:|\/)|node_modules|\.ts\b|\/(?:home|root|usr|work|tmp|src|dist)\/|(?:Syntax|Type|Range|Reference)Error|\b(?:ECONN|FST_ERR|HPE_|WRONGTYPE|NOSCRIPT)|ioredis|fastify|\bzod\b|undici|\[object /i;

export type Judge = (answer: WireAnswer, asked: { method: string; path?: string }) => void;

export type Documented = Record<string, Record<string, { responses: Record<string, unknown> }>>;

export function createJudge(documented: Documented, secrets: readonly string[]): Judge {
  const calls = Object.entries(documented).map(([path, methods]) => ({
    path: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    fixed: !path.includes('{'),
    methods,
  }));
  /** The call of the document that this request is, if any: a path without parameters goes first. */
  const callOf = (method: string, path: string) =>
    calls
      .filter(({ path: pattern }) => pattern.test(path))
      .toSorted((a, b) => Number(b.fixed) - Number(a.fixed))
      .map(({ methods }) => methods[method.toLowerCase()])
      .find((call) => call !== undefined);

  return ({ status, headers, text }, { method, path = '' }) => {
    expect(status).toBeGreaterThanOrEqual(200);
    expect(status).toBeLessThan(500);
    for (const name of Object.keys(SECURITY_HEADERS)) expect(headers, name).toHaveProperty(name);
    for (const name of ['set-cookie', 'server', 'x-powered-by'])
      expect(headers, name).not.toHaveProperty(name);
    for (const secret of secrets) expect(text + JSON.stringify(headers)).not.toContain(secret);

    const [plain = ''] = path.split('?');
    const call = callOf(method, plain);
    if (call) {
      const declared = Object.keys(call.responses);
      const inKind = `${String(status)[0]}XX`;
      expect(
        declared.includes(String(status)) || declared.includes(inKind) || status === 304,
        `${method} ${plain} answered ${status}, declared are ${declared.join(', ')}`,
      ).toBe(true);
    }
    if (status < 400) return;
    expect(text).not.toMatch(INSIDES);
    if (method === 'HEAD') return;
    const type = String(headers['content-type']);
    if (type === 'text/html; charset=utf-8') {
      expect(plain).not.toMatch(/^\/v1\//);
      return;
    }
    expect(type).toBe('application/problem+json; charset=utf-8');
    const problem = JSON.parse(text) as { code: keyof typeof PROBLEMS; status: number };
    expect(PROBLEMS).toHaveProperty(problem.code);
    expect([problem.status, PROBLEMS[problem.code].status]).toEqual([status, status]);
  };
}
