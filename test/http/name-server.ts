/** A DNS server on loopback that answers as a test says, and counts what it was asked. */
import { createSocket } from 'node:dgram';
import { onTestFinished } from 'vitest';

/** Data of records of the type that was asked for; a response code; or nothing at all. */
export type Said = Buffer[] | 'NXDOMAIN' | 'SERVFAIL' | 'silence';
type Type = 'MX' | 'A' | 'AAAA';

const TYPES: Record<number, Type> = { 1: 'A', 15: 'MX', 28: 'AAAA' };
const CODES = { NXDOMAIN: 3, SERVFAIL: 2 } as const;

const nameOf = (text: string): Buffer =>
  Buffer.concat([
    ...text
      .split('.')
      .flatMap((label) => (label ? [Buffer.from([label.length]), Buffer.from(label)] : [])),
    Buffer.alloc(1),
  ]);
/** RFC 1035, section 3.3.9. */
export const mx = (host: string): Buffer => Buffer.concat([Buffer.from([0, 10]), nameOf(host)]);
export const host = (...bytes: number[]): Buffer => Buffer.from(bytes);

export async function startNameServer(answer: (name: string, type: Type) => Said) {
  const asked: string[] = [];
  const socket = createSocket('udp4', (query, peer) => {
    const labels: string[] = [];
    let at = 12;
    for (; query[at] !== 0; at += query[at]! + 1)
      labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!));
    const question = query.subarray(12, at + 5);
    const type = TYPES[query.readUInt16BE(at + 1)]!;
    asked.push(`${type} ${labels.join('.')}`);
    const said = answer(labels.join('.'), type);
    if (said === 'silence') return;
    const records = typeof said === 'string' ? [] : said;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(0x8180 | (typeof said === 'string' ? CODES[said] : 0), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    head.fill(0, 8);
    const answers = records.map((data) => {
      const record = Buffer.alloc(12);
      // The name is that of the question (a pointer to byte 12).
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(query.readUInt16BE(at + 1), 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(60, 6);
      record.writeUInt16BE(data.length, 10);
      return Buffer.concat([record, data]);
    });
    socket.send(Buffer.concat([head, question, ...answers]), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => void socket.close());
  return { server: `127.0.0.1:${socket.address().port}`, asked };
}
