/** What a relay tells of mails: verified first, then read. Each provider is one file beside this one. */
import type { IncomingHttpHeaders } from 'node:http';
import type { BounceKind } from '../../domain/bounce.ts';
import { referenceIn, type Reference } from '../../mail/reference.ts';
import { Problem } from '../problems.ts';

type Notice = { body: Buffer; headers: IncomingHttpHeaders };
/** `confirm`: an address of our making to be called. `once`: names this very notice, where its signature does not cover what it says. */
export type Told = { reports: Report[]; once?: string; confirm?: string };
export type Report = { kind: BounceKind; reference: Reference };

/** The parts of the world that a provider's check needs. */
type Around = {
  now: number;
  /** The certificate of this name, from the one host that we trust for it. */
  certificate: (url: string) => Promise<string>;
};
/** @throws {Problem} invalid-signature, invalid-request */
export type Provider = (notice: Notice, secret: string, around: Around) => Promise<Told>;

export type Json = Record<string, unknown>;

/** @throws {Problem} invalid-request */
export function jsonIn(body: Buffer): Json | Json[] {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (typeof value === 'object' && value !== null) return value as Json | Json[];
  } catch {
    // Said below.
  }
  throw malformed();
}

export const malformed = (): Problem =>
  new Problem('invalid-request', { errors: [{ pointer: '#', detail: 'is no notice of bounces' }] });
export const unsigned = (): Problem => new Problem('invalid-signature');

export const partOf = (value: unknown, name: string): Json =>
  Object((value as Json | undefined)?.[name]) as Json;
export const wordOf = (value: unknown, name: string): string => {
  const found = (value as Json | undefined)?.[name];
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
};

/**
 * The mail that an event is about, wherever its provider keeps it. Nothing when it is a mail of somebody else's who
 * sends by the same account.
 */
export function reportOf(event: Json, kind: BounceKind | undefined): Report[] {
  const reference = referenceIn(JSON.stringify(event));
  return kind && reference ? [{ kind, reference }] : [];
}

/** Our own standing with the receiver, or a full mailbox: the address itself may be right. */
export const isAboutUs = (words: string): boolean => /\b(?:5[.]7[.]\d+|[45][.]2[.]2)\b/.test(words);

/** Signed too long ago, or in the future: a notice that somebody kept. @throws {Problem} */
export function checkTime(signedAtMs: number, now: number, toleranceMs: number): void {
  if (!(Math.abs(now - signedAtMs) <= toleranceMs)) throw unsigned();
}
