/** Ports, and whether a server answers there. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PING_PAUSE_MS = 15;
const ANSWER_TIMEOUT_MS = 500;

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port.');
  return address.port;
}

/** The answer to PING, which is an error while the server loads its files, and to INFO. */
async function greet(port: number, ended: AbortSignal): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    await once(socket, 'connect', { signal });
    socket.write('PING\r\nINFO server\r\n');
    let answer = '';
    while (!/process_id:\d+\r\n/.test(answer)) {
      const [chunk]: unknown[] = await once(socket, 'data', { signal });
      answer += String(chunk);
    }
    return answer;
  } catch {
    return ''; // Nobody there yet.
  } finally {
    socket.destroy();
  }
}

export interface Readiness {
  timeoutMs: number;
  /** Only this process counts, not another server that took the port. */
  pid?: number;
}

/** Waits for PONG; false when the child ended first or the time is up. */
export async function isReady(
  child: ChildProcess,
  port: number,
  { timeoutMs, pid }: Readiness,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  const end = new AbortController();
  child.once('exit', () => end.abort());
  while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    const answer = await greet(port, end.signal);
    const isMeant = pid === undefined || answer.includes(`process_id:${pid}\r\n`);
    if (answer.startsWith('+PONG') && isMeant) return true;
    await sleep(PING_PAUSE_MS);
  }
  return false;
}
