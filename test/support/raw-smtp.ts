/** A mail server that reads no address for itself, and answers what a test tells it to, line by line. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** What it says instead of its own "yes" at one step; the greeting is `CONNECT`. */
export type RawReplies = Partial<
  Record<'CONNECT' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'END', string>
>;

export async function startRawServer(replies: RawReplies = {}, extensions = ['SMTPUTF8']) {
  const recipients: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let inMessage = false;
    const say = (step: keyof RawReplies, fallback: string) =>
      socket.write(`${(replies[step] ?? fallback).replaceAll('\n', '\r\n')}\r\n`);
    const answer = (line: string): unknown => {
      if (inMessage) {
        if (line !== '.') return undefined;
        inMessage = false;
        return say('END', '250 2.0.0 taken');
      }
      const verb = /^[A-Z]+/i.exec(line)?.[0].toUpperCase() ?? '';
      if (verb === 'EHLO')
        return socket.write(
          `${['250-raw', ...extensions.map((name) => `250-${name}`), '250 HELP'].join('\r\n')}\r\n`,
        );
      if (verb === 'RCPT') recipients.push(/^RCPT TO:<(.*)>/i.exec(line)?.[1] ?? line);
      if (verb === 'DATA') {
        inMessage = replies.DATA === undefined;
        return say('DATA', '354 go on');
      }
      if (verb === 'QUIT') return socket.end('221 bye\r\n');
      return say(verb as keyof RawReplies, '250 2.0.0 ok');
    };
    let rest = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop()!;
      for (const line of lines) answer(line);
    });
    socket.on('error', () => undefined);
    say('CONNECT', '220 raw');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port to listen on.');
  return {
    url: `smtp://127.0.0.1:${address.port}`,
    recipients,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
