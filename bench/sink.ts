/** A mail server that takes everything at once and remembers of each mail its recipient and its links. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export type Sink = {
  url: string;
  /** Mails taken so far. */
  count(): number;
  /** The newest token for this purpose in a mail to this address. */
  token(to: string, purpose: string): string | undefined;
  /** The first link in the newest mail to this address. */
  link(to: string): string | undefined;
  untilCount(count: number, withinMs: number): Promise<void>;
  clear(): void;
  close(): void;
};

export async function startSink(): Promise<Sink> {
  const tokens = new Map<string, string>();
  const links = new Map<string, string>();
  const waiting = new Set<() => void>();
  let count = 0;

  const take = (to: string, mail: string): void => {
    const text = mail.replaceAll('=\r\n', '').replaceAll('=3D', '=');
    for (const [, purpose, token] of text.matchAll(/\/(confirm|approve|cancel|undo)#([\w-]{64})/g))
      tokens.set(`${to} ${purpose}`, token!);
    const [link] = /http:\/\/\S+/.exec(text) ?? [];
    if (link) links.set(to, link);
    count += 1;
    for (const tell of waiting) tell();
  };

  const serve = (socket: Socket): void => {
    let rest = '';
    let to = '';
    let inMail = false;
    socket.setNoDelay(true);
    socket.write('220 sink ESMTP\r\n');
    socket.on('error', () => socket.destroy());
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      rest += chunk;
      for (;;) {
        const end = rest.indexOf(inMail ? '\r\n.\r\n' : '\r\n');
        if (end === -1) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + (inMail ? 5 : 2));
        if (inMail) {
          inMail = false;
          take(to, line);
          socket.write('250 taken\r\n');
        } else if (/^(EHLO|HELO)/i.test(line)) socket.write('250 sink\r\n');
        else if (/^RCPT/i.test(line)) {
          to = /<(.*)>/.exec(line)?.[1] ?? '';
          socket.write('250 ok\r\n');
        } else if (/^DATA/i.test(line)) {
          inMail = true;
          socket.write('354 go on\r\n');
        } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
      }
    });
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => count,
    token: (to, purpose) => tokens.get(`${to} ${purpose}`),
    link: (to) => links.get(to),
    untilCount: (wanted, withinMs) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`${count} of ${wanted} mails after ${withinMs} ms`)),
          withinMs,
        );
        const tell = () => {
          if (count < wanted) return;
          clearTimeout(late);
          waiting.delete(tell);
          resolve();
        };
        waiting.add(tell);
        tell();
      }),
    clear() {
      count = 0;
      tokens.clear();
      links.clear();
    },
    close: () => server.close(),
  };
}
