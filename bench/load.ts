/** Load from this process, closed loop: so many callers, each with one call at a time. */
import { Agent, request } from 'node:http';

export type Call = {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
};

/** Makes all calls over `connections` kept-alive connections. @throws when an answer has another status */
export async function callAll(
  url: string,
  calls: readonly Call[],
  { connections, expects }: { connections: number; expects: number },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let call = calls[next++]; call; call = calls[next++]) {
      const { status, text } = await callOnce(agent, url, call);
      if (status !== expects)
        throw new Error(`${call.method} ${call.path}: ${status}, not ${expects}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  agent.destroy();
}

export function callOnce(
  agent: Agent,
  url: string,
  { method, path, headers = {}, body }: Call,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}${path}`,
      {
        method,
        agent,
        headers: {
          ...headers,
          ...(body === undefined
            ? {}
            : {
                'content-type': 'application/json',
                'content-length': String(Buffer.byteLength(body)),
              }),
        },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
