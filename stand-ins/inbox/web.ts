/** The inbox over HTTP: pages for people, JSON for scripts. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InboxMessage, Messages } from './messages.ts';
import { LIVE_SCRIPT, PAGE_POLICY, renderList, renderMessage, renderMissing } from './page.ts';

export interface InboxWeb {
  serve(req: IncomingMessage, res: ServerResponse): void;
  /** Tells open pages that a mail came. */
  announce(message: InboxMessage): void;
}

function asJson(message: InboxMessage) {
  return {
    ...message,
    at: new Date(message.at).toISOString(),
    headers: Object.fromEntries(message.headers),
  };
}

function answer(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'content-security-policy': PAGE_POLICY,
    'x-content-type-options': 'nosniff',
  });
  res.end(body);
}

function answerJson(res: ServerResponse, status: number, body: unknown): void {
  answer(res, status, 'application/json', JSON.stringify(body));
}

function answerPage(res: ServerResponse, status: number, body: string): void {
  answer(res, status, 'text/html', body);
}

export function createInboxWeb(messages: Messages): InboxWeb {
  const streams = new Set<ServerResponse>();

  function stream(res: ServerResponse): void {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    res.write(': open\n\n');
    streams.add(res);
    res.once('close', () => streams.delete(res));
  }

  function latest(res: ServerResponse, to: string | null): void {
    const message = (to === null ? messages.all : messages.to(to)).at(-1);
    if (message) answerJson(res, 200, asJson(message));
    else answerJson(res, 404, { error: 'No such mail.' });
  }

  function show(res: ServerResponse, number: number): void {
    const message = messages.all.find((mail) => mail.number === number);
    if (message) answerPage(res, 200, renderMessage(message));
    else answerPage(res, 404, renderMissing());
  }

  return {
    serve(req, res) {
      const { pathname, searchParams } = new URL(req.url ?? '/', 'http://localhost');
      const to = searchParams.get('to');
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        answerJson(res, 405, { error: 'Only GET is known here.' });
      } else if (pathname === '/') answerPage(res, 200, renderList(messages.all));
      else if (pathname === '/live.js') answer(res, 200, 'text/javascript', LIVE_SCRIPT);
      else if (pathname === '/events') stream(res);
      else if (pathname === '/api/messages') {
        const mails = to === null ? messages.all : messages.to(to);
        answerJson(res, 200, mails.map(asJson));
      } else if (pathname === '/api/messages/latest') latest(res, to);
      else if (pathname.startsWith('/messages/')) show(res, Number(pathname.split('/')[2]));
      else answerPage(res, 404, renderMissing());
    },
    announce({ number }) {
      for (const res of streams) res.write(`event: mail\ndata: ${number}\n\n`);
    },
  };
}
