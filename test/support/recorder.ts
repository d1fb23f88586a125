/** Stands in front of a server on loopback and writes down what reaches it, byte for byte. */
import { request as forward, type IncomingHttpHeaders } from 'node:http';
import { onTestFinished } from 'vitest';
import { listenOnLoopback } from '../../stand-ins/loopback.ts';

type Reached = {
  method: string;
  /** Path and query, as on the wire. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
};

export type Recorder = {
  /** `http://localhost:PORT` */
  url: string;
  seen: Reached[];
  /** Where requests go. */
  target: string;
};

export async function startRecorder(): Promise<Recorder> {
  const recorder: Recorder = { url: '', seen: [], target: '' };
  const server = await listenOnLoopback((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method = '', url: path = '', headers } = req;
      recorder.seen.push({ method, path, headers, body: body.toString() });
      const { hostname, port } = new URL(recorder.target);
      const onward = forward({ hostname, port, method, path, headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
      });
      onward.on('error', () => res.destroy());
      // A stream that the browser has left is left here too.
      res.on('close', () => onward.destroy());
      onward.end(body);
    });
  });
  recorder.url = `http://localhost:${server.port}`;
  onTestFinished(() => server.close());
  return recorder;
}
