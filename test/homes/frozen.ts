/** A function as its platform runs it: a process of its own, stopped from each answer to the next event. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { DueRun } from '../../index.ts';
import type { LambdaAnswer, LambdaEvent } from '../../lambda.ts';

export type Frozen = {
  ask: (path: string, init?: RequestInit) => Promise<Response>;
  tasks: () => Promise<DueRun>;
  freeze: () => void;
  thaw: () => void;
};

export async function startFunction(settings: Record<string, string>): Promise<Frozen> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/homes/function.ts'], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const waiting: ((answer: unknown) => void)[] = [];
  const freeze = () => void child.kill('SIGSTOP');
  const thaw = () => void child.kill('SIGCONT');
  createInterface({ input: child.stdout }).on('line', (line) => {
    // What else it writes is its log.
    if (!line.startsWith('answer ')) return;
    freeze();
    waiting.shift()?.(JSON.parse(line.slice('answer '.length)));
  });
  const call = <T>(event: LambdaEvent | null | undefined): Promise<T> =>
    new Promise<T>((resolve) => {
      waiting.push((answer) => resolve(answer as T));
      thaw();
      if (event !== undefined) child.stdin.write(`${JSON.stringify(event)}\n`);
    });
  await call(undefined);
  return {
    freeze,
    thaw,
    tasks: () => call<DueRun>(null),
    async ask(path, init = {}) {
      const { statusCode, headers, body } = await call<LambdaAnswer>(eventOf(path, init));
      const isEmpty = statusCode === 204 || statusCode === 304;
      return new Response(isEmpty ? null : body, { status: statusCode, headers });
    },
  };
}

/** Payload format 2.0, as HTTP APIs and function URLs write it. */
function eventOf(path: string, { method = 'GET', headers, body }: RequestInit): LambdaEvent {
  const { pathname, search, searchParams } = new URL(path, 'https://api.example.com');
  return {
    version: '2.0',
    rawPath: pathname,
    rawQueryString: search.slice(1),
    ...(search === '' ? {} : { queryStringParameters: Object.fromEntries(searchParams) }),
    headers: { host: 'api.example.com', ...Object.fromEntries(new Headers(headers)) },
    requestContext: { http: { method, path: pathname, sourceIp: '203.0.113.7' } },
    ...(typeof body === 'string'
      ? { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }
      : {}),
  };
}
