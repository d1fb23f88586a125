/** A collector that takes traces by OTLP over HTTP in protobuf, and reads them from the bytes alone. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

export type ReceivedSpan = {
  service: string;
  traceId: string;
  spanId: string;
  /** Empty for a root. */
  parentId: string;
  name: string;
  /** 2: server, 3: client, 5: consumer. */
  kind: number;
  startedAt: number;
  endedAt: number;
  attributes: Record<string, string | number>;
  events: string[];
  isError: boolean;
};
export type Collector = {
  url: string;
  calls: { path: string; headers: IncomingHttpHeaders }[];
  spans: ReceivedSpan[];
  /** All bytes that came, for what must not be in them. */
  bytes: () => Buffer;
};

export async function startCollector(): Promise<Collector> {
  const calls: Collector['calls'] = [];
  const spans: ReceivedSpan[] = [];
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const sent = Buffer.concat(chunks);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      calls.push({ path: request.url!, headers: request.headers });
      bodies.push(body);
      spans.push(...readSpans(body));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, calls, spans, bytes: () => Buffer.concat(bodies) };
}

/** A message of protobuf: its fields by number, each as often as it came. */
type Message = Map<number, (Buffer | bigint)[]>;

/** https://protobuf.dev/programming-guides/encoding/ */
function readMessage(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const piece = (length: number): Buffer => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const tag = Number(varint());
    const read: Record<number, () => Buffer | bigint> = {
      0: varint,
      1: () => piece(8).readBigUInt64LE(),
      2: () => piece(Number(varint())),
      5: () => BigInt(piece(4).readUInt32LE()),
    };
    const value = read[tag & 7]!();
    message.set(tag >> 3, [...(message.get(tag >> 3) ?? []), value]);
  }
  return message;
}
const bytesOf = (message: Message, field: number): Buffer[] =>
  (message.get(field) ?? []) as Buffer[];
const messagesOf = (message: Message, field: number): Message[] =>
  bytesOf(message, field).map(readMessage);
const textOf = (message: Message, field: number): string =>
  bytesOf(message, field)[0]?.toString('utf8') ?? '';
const hexOf = (message: Message, field: number): string =>
  bytesOf(message, field)[0]?.toString('hex') ?? '';
const numberOf = (message: Message, field: number): number =>
  Number((message.get(field)?.[0] as bigint | undefined) ?? 0n);

function attributesOf(message: Message, field: number): Record<string, string | number> {
  return Object.fromEntries(
    messagesOf(message, field).map((pair) => {
      const [value] = messagesOf(pair, 2);
      return [textOf(pair, 1), value!.has(1) ? textOf(value!, 1) : numberOf(value!, 3)];
    }),
  );
}

/** The numbers are those of opentelemetry/proto/trace/v1/trace.proto. */
function readSpans(body: Buffer): ReceivedSpan[] {
  return messagesOf(readMessage(body), 1).flatMap((resourceSpans) => {
    const service = String(attributesOf(messagesOf(resourceSpans, 1)[0]!, 1)['service.name']);
    return messagesOf(resourceSpans, 2)
      .flatMap((scope) => messagesOf(scope, 2))
      .map((span) => ({
        service,
        traceId: hexOf(span, 1),
        spanId: hexOf(span, 2),
        parentId: hexOf(span, 4),
        name: textOf(span, 5),
        kind: numberOf(span, 6),
        startedAt: numberOf(span, 7) / 1e6,
        endedAt: numberOf(span, 8) / 1e6,
        attributes: attributesOf(span, 9),
        events: messagesOf(span, 11).map((event) => textOf(event, 2)),
        isError: messagesOf(span, 15).some((status) => numberOf(status, 3) === 2),
      }));
  });
}
