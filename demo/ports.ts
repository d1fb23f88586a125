/** The port that people expect, or a free one when somebody sits on it. */
import { listenOnLoopback } from '../stand-ins/loopback.ts';

export async function freePort(wanted: number): Promise<number> {
  const answerNothing = () => {};
  const server = await listenOnLoopback(answerNothing, wanted).catch(() =>
    listenOnLoopback(answerNothing),
  );
  await server.close();
  return server.port;
}
